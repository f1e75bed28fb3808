// Runs a Python program in WebAssembly: node pyodide.mjs HOME ROOT PROGRAM
//
// HOME is a directory with node_modules/pyodide and site, where msgspec and networkx are; ROOT is
// that of p2pkit. Nothing is downloaded.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [home, root, program] = process.argv.slice(2);
const { loadPyodide } = await import(
  pathToFileURL(join(home, "node_modules", "pyodide", "pyodide.mjs"))
);
const pyodide = await loadPyodide();

function mount(there, here) {
  pyodide.FS.mkdirTree(there);
  pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: here }, there);
}

mount("/site", join(home, "site"));
mount("/root", root);
pyodide.runPython(`
import sys
sys.path[:0] = ["/root", "/site"]
sys.dont_write_bytecode = True
`);
try {
  pyodide.runPython(readFileSync(program, "utf-8"), { filename: program });
} catch (error) {
  process.stderr.write(error.message); // and not the whole source of Pyodide
  process.exitCode = 1;
}
