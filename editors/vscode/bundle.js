// Writes dist/: the extension in one file, and the licenses of the packages that are in it.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { buildSync } = require("esbuild");

const { metafile } = buildSync({
  entryPoints: ["extension.js"],
  outfile: "dist/extension.js",
  bundle: true,
  minify: true,
  platform: "node",
  target: "node20",
  external: ["vscode"],
  metafile: true,
});
const inside = Object.keys(metafile.inputs).map((file) => file.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
const packages = [...new Set(inside.filter(Boolean))].sort();
const licenses = packages.map((folder) => {
  const name = fs.readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (!name) {
    throw new Error(`${folder} has no license`);
  }
  return `${folder.replace(/^.*node_modules\//, "")}\n\n${fs.readFileSync(path.join(folder, name), "utf8").trim()}\n`;
});
fs.writeFileSync("dist/licenses.txt", licenses.join(`\n${"-".repeat(80)}\n\n`));
