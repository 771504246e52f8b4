#!/usr/bin/env node
/**
 * The program's entry, in JavaScript that any Node can read: it names the Node that is needed before it loads
 * a line that an older one could not. In a clone the sources run as they are; under node_modules, where Node
 * strips no types, the built files do. Knows nothing of commands.
 */
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`underglass needs Node 22.18 or newer; this is Node ${process.versions.node}.`);
  process.exit(1);
}

// node:sqlite of Node 22 announces itself as experimental on every start. Only that one line is dropped.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning(warning, ...rest);
};

// Whoever reads our output may stop before we do, as `head` does: what is left is dropped, and the command goes on to
// its end, for it may have something to put back. One that shows without end (watch) ends by itself.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', error => {
    if (error.code !== 'EPIPE') throw error;
  });

const installed = import.meta.url.includes('/node_modules/');
const { main } = await import(installed ? '../../dist/src/cli/main.js' : './main.ts');
process.exitCode = await main(process.argv.slice(2));
