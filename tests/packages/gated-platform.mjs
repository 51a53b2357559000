// Runs inside the image: the simulated Platform, and before it a gate that prints when the first request of each client came.
// A client is known by its address for the requests: /NAME/… of the gate is /… of the Platform.
import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';

const flags = ['--listen', '127.0.0.1:9465', '--history', '1h', '--rate', '60', '--api-key', 'demo-key'];
spawn(process.execPath, ['/app/dist/cli/main.js', 'simulate', ...flags], { stdio: 'inherit' });

const seen = new Set();
createServer((incoming, response) => {
  const [, client, path] = /^\/(\w+)(\/.*)$/.exec(incoming.url) ?? [];
  if (!seen.has(client)) console.log(JSON.stringify({ client, firstRequestMs: Date.now() }));
  seen.add(client);
  const { method, headers } = incoming;
  const outgoing = request({ host: '127.0.0.1', port: 9465, path, method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  incoming.pipe(outgoing);
}).listen(9464, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
