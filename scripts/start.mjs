// `npm start` runs the demonstration; `npm start -- run -c my.yaml` is the program itself. What it says goes to standard error: a command's
// output may be read by a program.
const words = process.argv.slice(2);
const say = (text) => process.stderr.write(`auditferry: ${text}\n`);

say('building from source, which takes some seconds …');
await import('./build.mjs');
if (words.length === 0) {
  say(
    'starting the demonstration: a simulated Platform, the journal, and a file in data/demo. Ctrl-C stops it.',
  );
}
process.argv = [
  process.argv[0],
  'auditferry',
  ...(words.length > 0 ? words : ['run', '-c', 'config/demo.yaml']),
];
await import('../dist/cli/main.js');
