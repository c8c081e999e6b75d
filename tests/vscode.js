// Runs the extension without VS Code: `node vscode.js EXTENSION OPTIONS` prints, as JSON, what it did.
// OPTIONS, as JSON: settings, folder, trusted, and the commands to call, one after the other.
"use strict";

const Module = require("node:module");

const [extension, options] = process.argv.slice(2);
const { settings = {}, folder, trusted = true, call = [] } = JSON.parse(options);
const did = { events: [], messages: [], commands: {} };

class LanguageClient {
  constructor(id, name, server, client) {
    Object.assign(this, { server, client });
  }
  async start() {
    did.events.push({ start: [this.server.command, ...this.server.args], cwd: this.server.options.cwd, ...this.client });
  }
  isRunning() {
    return did.events.at(-1)?.start !== undefined;
  }
  async stop() {
    did.events.push({ stop: this.server.command });
  }
}

const registered = {};
const vscode = {
  commands: { registerCommand: (name, run) => void (registered[name] = run) },
  window: { showErrorMessage: async (message) => void did.messages.push(message) },
  workspace: {
    isTrusted: trusted,
    workspaceFolders: folder && [{ uri: { fsPath: folder } }],
    getConfiguration: (section) => ({ get: (key) => settings[`${section}.${key}`] }),
    onDidChangeConfiguration: () => {},
    onDidGrantWorkspaceTrust: () => {},
  },
};

const load = Module._load;
const fakes = { vscode, "vscode-languageclient/node": { LanguageClient } };
Module._load = (name, ...rest) => fakes[name] ?? load(name, ...rest);

async function main() {
  const { activate, deactivate } = require(extension);
  await activate({ subscriptions: [] });
  for (const name of call) {
    await registered[name]();
  }
  await deactivate();
  console.log(JSON.stringify({ ...did, commands: Object.keys(registered) }));
}

main();
