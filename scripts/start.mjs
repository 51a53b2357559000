// `npm start` runs the demonstration; `npm start -- run -c my.yaml` is the program itself.
const words = process.argv.slice(2);
process.argv = [
  process.argv[0],
  'auditferry',
  ...(words.length > 0 ? words : ['run', '-c', 'config/demo.yaml']),
];
await import('../dist/cli/main.js');
