// Starts the language server of gen, `gen lsp`, and says what to do where it does not start.
"use strict";

const { execFile } = require("node:child_process");
const path = require("node:path");
const { commands, window, workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;
let last = Promise.resolve(); // one start or stop after the other

async function activate(context) {
  context.subscriptions.push(
    commands.registerCommand("nn.restartServer", restart),
    workspace.onDidChangeConfiguration((event) => event.affectsConfiguration("nn.gen.path") && restart()),
    workspace.onDidGrantWorkspaceTrust(restart),
  );
  await restart().catch(() => {}); // the client has said it; the command that tries again stays
}

function deactivate() {
  return (last = last.then(stop, stop));
}

function restart() {
  return (last = deactivate().then(start));
}

async function stop() {
  if (client?.isRunning()) {
    await client.stop();
  }
  client = undefined;
}

async function start() {
  if (!workspace.isTrusted) {
    return; // the server runs components of the folder that is open, and the folder may say which `gen` is run
  }
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath;
  const command = executable(workspace.getConfiguration("nn").get("gen.path"), folder);
  const problem = await whatIsWrong(command, folder);
  if (problem) {
    tell(problem); // until the user has read it, which nothing waits for
    return;
  }
  const options = { documentSelector: [{ language: "nn" }] };
  client = new LanguageClient("nn", ".nn networks", { command, args: ["lsp"], options: { cwd: folder } }, options);
  await client.start();
}

/** The command as it is run: a path is relative to the folder that is open, a mere name is looked up by the system. */
function executable(given, folder) {
  return folder && /[\\/]/.test(given) ? path.resolve(folder, given) : given;
}

/** Why the server cannot run, undefined if it can: it ends at once where its input does, and with 2 where it refuses. */
function whatIsWrong(command, folder) {
  return new Promise((resolve) => {
    const probe = execFile(command, ["lsp"], { cwd: folder, timeout: 20_000 }, (error, _, said) => {
      if (typeof error?.code === "string") {
        resolve(`${command} cannot be run (${error.code}). Install gen with: pip install 'gen-nn[lsp]', or set nn.gen.path.`);
      } else {
        resolve(error?.code === 2 ? said.trim().split("\n").at(-1) || `${command} lsp does not start.` : undefined);
      }
    });
    probe.stdin?.on("error", () => {}); // the command may end before it reads
    probe.stdin?.end();
  });
}

async function tell(problem) {
  const settings = "Open settings";
  if ((await window.showErrorMessage(problem, settings)) === settings) {
    await commands.executeCommand("workbench.action.openSettings", "nn.gen.path");
  }
}

module.exports = { activate, deactivate };
