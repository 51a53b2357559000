import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { configured, everyPlace } from '../attack/places.ts';
import type { Place } from '../attack/places.ts';
import { readable } from '../attack/readable.ts';
import { makeCertificate } from '../fakes/certificates.ts';
import { openFakeKafka } from '../fakes/kafka.ts';
import { openFakeProxy } from '../fakes/proxy.ts';
import { canMount, makeFolder, run, start, startPlatform, until } from './program.ts';
import type { Folder, Running, SimulatedPlatform } from './program.ts';

/**
 * A secret in every place that the schema knows, the built program, and one fault after the other, each quoting what it was sent. Secrets may
 * be in the configuration, in the environment that the program was started with, and in what is sent to a receiver: nowhere else.
 */
const FAULTS = ['401', '403', '422', '429', '500', 'redirect', 'reset', 'TLS'] as const;
type Fault = (typeof FAULTS)[number];

const markOf = (name: string): string =>
  createHash('sha256')
    .update(`mark ${name}`)
    .digest('base64')
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(0, 20);

const parts = everyPlace().filter(({ section }) => section !== '');
/** One or two are slow to give up. */
const MOST = parts.length - 2;
const PEM = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const MARKS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(parts.map((place) => [place.name, markOf(place.name)])),
  'admin.token': markOf('admin.token'),
  'heartbeat.signing_key': PEM.split('\n')[1]?.slice(-24) ?? '',
  'state.url': markOf('state.url'),
  proxy: markOf('proxy'),
  // The one secret that is right: it reads the Platform.
  platform: markOf('platform'),
};
const PROXY_USER = `http://ana:${MARKS['proxy']}@`;

const ends: (() => void | Promise<void>)[] = [];
let folder: Folder;
let platform: SimulatedPlatform;
/** What was printed, served or kept, by where. */
let told: Map<string, string>;

beforeEach(async () => {
  folder = makeFolder();
  told = new Map();
  platform = await startPlatform(['--history', '5m', '--rate', '12', '--api-key', MARKS['platform'] ?? '']);
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await platform.stop();
  folder.remove();
});

async function listen(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ends.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** `status` asks the daemon where the configuration says that it listens. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((done) => server.close(() => done()));
  return port;
}

/** How chatty receivers write what they were sent: another way each time, since little of it is shown. */
const WRITINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.slice(0, 30),
  (text) => Buffer.from(text).toString('hex'),
  (text) => Buffer.from(text).toString('base64'),
  (text) => encodeURIComponent(text),
  (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join(''),
  (text) => [...text].map((one) => `\\u00${one.charCodeAt(0).toString(16)}`).join(''),
];

/** A receiver of every protocol over HTTP, with the fault of the moment. */
function faulty(fault: () => Fault): RequestListener {
  let turn = 0;
  return (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (text: string) => (body += body.length < 500 ? text.slice(0, 500) : ''));
    request.on('end', () => {
      const write = WRITINGS[(turn += 1) % WRITINGS.length] ?? String;
      const names = ['host', 'accept-encoding', 'content-type', 'user-agent', 'content-length', 'connection'];
      const sent = Object.entries(request.headers).filter(([name]) => !names.includes(name));
      const form = body.startsWith('client_') || body.startsWith('grant_') ? [body] : [];
      const values = [...sent.map(([, value]) => String(value)), ...form, request.url ?? ''];
      const words = `no ${values.map((value) => write(value.slice(value.lastIndexOf(' ') + 1))).join(', ')}`;
      if (fault() === 'reset') return void request.socket.resetAndDestroy();
      if (fault() === 'redirect') {
        const to = new URL(`http://127.0.0.1:9/${encodeURIComponent(words)}`);
        return void response.writeHead(302, { location: to.href }).end(words);
      }
      const text = JSON.stringify({
        message: words,
        text: words,
        code: 4,
        error: { type: words, reason: words },
      });
      response.writeHead(Number(fault()) || 500, {
        'content-type': 'application/json',
        'www-authenticate': 'Basic',
      });
      response.end(text);
    });
  };
}

/** Every place as a part of its own, at this address. */
function configurationOf(address: string, kafkaPort: number, adminPort: number): string {
  const built = (section: Place['section']) =>
    parts.flatMap((place, index) => {
      if (place.section !== section) return [];
      const mark = MARKS[place.name] ?? '';
      const isSigning = place.path[0] === 'signing_secrets';
      const secret = isSigning ? `whsec_${Buffer.from(mark.padEnd(24, '=')).toString('base64')}` : mark;
      const part = (configured(place, secret)[section] as { x: object }).x;
      const pace =
        section === 'sinks'
          ? { batch: { max_events: 2, max_wait: '100ms' }, on_mass_rejection: 'dead_letter' }
          : {};
      const text = JSON.stringify({ ...part, ...pace, ...(place.type === 's3' ? { endpoint: address } : {}) })
        .replaceAll(/https:\/\/[a-z]\.example(?::\d+)?/g, address)
        .replaceAll('k.example:9093', `127.0.0.1:${kafkaPort}`);
      return [`  p${index}: ${text}`];
    });
  return `state: { dir: ./state }
admin: { listen: '127.0.0.1:${adminPort}', token: '${MARKS['admin.token']}' }
log: { level: trace }
shutdown_timeout: 1s
heartbeat: { every: 1m, signing_key: ${JSON.stringify(PEM)} }
sources:
  platform: { type: cloudquery, url: '${platform.url}', api_key: "\${PLATFORM}", start: 1h, poll_interval: 1s }
${built('sources').join('\n')}
sinks:
${built('sinks').join('\n')}
`;
}

interface Daemon extends Running {
  /** What was logged since `from` characters. */
  since(from: number): string;
  serve(path: string): Promise<string>;
}

async function begin(config: string, env: Readonly<Record<string, string>>): Promise<Daemon> {
  const daemon = start(['run', '-c', config], { env });
  ends.push(() => void daemon.child.kill('SIGKILL'));
  let url = '';
  await until('the listener', () => {
    url = /"url":"([^"]+)","msg":"the status page"/.exec(daemon.stderr())?.[1] ?? '';
    expect(daemon.child.exitCode, daemon.stderr()).toBeNull();
    return url !== '';
  });
  const headers = { authorization: `Bearer ${MARKS['admin.token']}` };
  return {
    ...daemon,
    since: (from) => daemon.stderr().slice(from),
    serve: async (path) => (await fetch(new URL(path, url), { headers })).text(),
  };
}

/** Names of parts that told of trouble. */
function troubledIn(log: string): Set<string> {
  const lines = log.split('\n').filter((line) => /"level":"(?:warn|error)"/.test(line));
  return new Set(lines.flatMap((line) => /"(?:sink|source)":"(p\d+)"/.exec(line)?.[1] ?? []));
}

async function lookAt(daemon: Daemon, when: string): Promise<void> {
  for (const path of ['/api/status', '/metrics', '/readyz', '/api/dead-letters'])
    told.set(`${path}, ${when}`, await daemon.serve(path));
}

/** The program itself, and whatever it started. */
function keepProcesses(pid: number): void {
  const parentOf = (one: string): string => {
    try {
      return readFileSync(`/proc/${one}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[1] ?? '';
    } catch {
      return ''; // it has ended
    }
  };
  told.set('command line', readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  for (const child of readdirSync('/proc').filter(
    (one) => /^\d+$/.test(one) && parentOf(one) === String(pid),
  )) {
    for (const file of ['cmdline', 'environ'])
      told.set(`${file} of a child`, readFileSync(`/proc/${child}/${file}`, 'latin1'));
  }
}

function keepFiles(dir: string, when: string): void {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (name !== 'filler' && statSync(path).isFile())
      told.set(`${name}, ${when}`, readFileSync(path, 'latin1'));
  }
}

/** A PostgreSQL that asks for the password and quotes it. Protocol: a length, and before it a letter but for the first message. */
function quotingPostgres(): TcpServer {
  const message = (letter: string, body: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(letter), length, body]);
  };
  return createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      if (bytes.length === 8) return void socket.write('N'); // it asked for TLS
      if (bytes[0] !== 'p'.charCodeAt(0)) return void socket.write(message('R', Buffer.from([0, 0, 0, 3])));
      const text = `SFATAL\0C28P01\0Mno ${bytes.subarray(5, -1).toString()}\0\0`;
      socket.end(message('E', Buffer.from(text)));
    });
  });
}

it('no secret is shown after any fault, whatever place it stands in', async () => {
  const env = { PLATFORM: MARKS['platform'] ?? '' };
  let fault: Fault = '401';
  const plain = `http://127.0.0.1:${await listen(createServer(faulty(() => fault)))}`;
  const certificate = makeCertificate({ name: 'nobody knows it', ipv4: '127.0.0.1' });
  const secured = `https://127.0.0.1:${await listen(
    createTlsServer(
      certificate,
      faulty(() => fault),
    ),
  )}`;
  const kafka = await openFakeKafka({
    topic: 'audit',
    user: { name: 'ana', password: () => MARKS['kafka.sasl.password'] ?? '' },
  });
  ends.push(() => kafka.close());
  kafka.echo(401);
  const adminPort = await freePort();
  const state = join(folder.path, 'state');
  mkdirSync(state, { mode: 0o700 });
  const mounted = canMount();
  if (mounted) {
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', state]).status).toBe(0);
    ends.push(() => void spawnSync('umount', ['-l', state]));
  }
  const write = (address: string): string =>
    folder.write('ferry.yaml', configurationOf(address, kafka.port, adminPort));
  const config = write(plain);

  let daemon = await begin(config, env);
  const troubled = new Set<string>();
  for (const next of FAULTS) {
    fault = next;
    const from = daemon.stderr().length;
    if (next !== '401') {
      write(next === 'TLS' ? secured : plain);
      daemon.child.kill('SIGHUP');
      await until('the reload', () => daemon.since(from).includes('the new configuration is in force'));
    }
    await until(`most parts to meet ${next}`, () => troubledIn(daemon.since(from)).size >= MOST);
    if (next === '422')
      await until('dead letters', async () => (await daemon.serve('/api/dead-letters')).includes('"reason"'));
    for (const name of troubledIn(daemon.since(from))) troubled.add(name);
    await lookAt(daemon, next);
  }
  expect(
    [...parts.keys()].filter((index) => !troubled.has(`p${index}`)).map((index) => parts[index]?.name),
  ).toEqual([]);
  for (const path of ['/', '/api/config', '/api/series']) told.set(path, await daemon.serve(path));
  keepProcesses(daemon.child.pid ?? 0);
  daemon.child.kill('SIGKILL');
  await daemon.ended;
  keepFiles(state, 'after a crash');
  told.set('log', daemon.stderr());
  told.set('standard output', daemon.stdout());

  const command = async (...words: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await run([...words, '-c', config], { env });
    told.set(words.join(' '), `${stdout}\n${stderr}`);
  };
  write(plain);
  fault = '403';
  const proxy = await openFakeProxy({ authorization: 'Basic of somebody else' });
  ends.push(() => proxy.close());
  daemon = await begin(config, { ...env, HTTP_PROXY: `${PROXY_USER}127.0.0.1:${proxy.port}` });
  await until('the proxy to refuse', () => troubledIn(daemon.stderr()).size >= MOST);
  await lookAt(daemon, 'proxy');

  await Promise.all([
    command('status'),
    command('status', '--json'),
    command('check', '--json'),
    command('dead-letters', 'list', '--each'),
    command('dead-letters', 'show', '1'),
    command('dead-letters', 'export'),
    command('findings', '--json'),
    command('verify', '--json', '--from', '1h', '--report', join(folder.path, 'report.html')),
  ]);
  told.set('report', readFileSync(join(folder.path, 'report.html'), 'utf8'));
  daemon.child.kill('SIGTERM');
  await daemon.ended;
  told.set('log behind a proxy', daemon.stderr());
  keepFiles(state, 'after the end');
  if (mounted) {
    spawnSync('dd', ['if=/dev/zero', `of=${join(state, 'filler')}`, 'bs=4k']); // until there is no space left
    await command('run', '--once', '--patience', '1s');
    expect(told.get('run --once --patience 1s')).toContain('disk is full');
    rmSync(join(state, 'filler'));
  }

  const url = `postgres://ana:${MARKS['state.url']}@127.0.0.1:${await listen(quotingPostgres())}/db?sslmode=disable`;
  const shared = folder.write(
    'shared.yaml',
    `state: { type: postgres, url: '${url}' }\nsources:\n  p: { type: cloudquery, url: '${platform.url}', api_key: k }\nsinks:\n  out: { type: stdout }\n`,
  );
  for (const words of [['run', '--once', '--patience', '1s'], ['check', '--json'], ['status']]) {
    const { stdout, stderr } = await run([...words, '-c', shared], { env });
    told.set(`${words.join(' ')}, postgres`, `${stdout}\n${stderr}`);
  }
  expect(told.get('run --once --patience 1s, postgres')).toContain('[secret]');

  // Base64 of ids in hex has few different characters, and looks like a part of some mark by chance: what it holds is looked at instead.
  const exported = told.get('dead-letters export') ?? '';
  told.set(
    'dead-letters export',
    exported.replaceAll(/"bytes":"([^"]+)"/g, (_, bytes: string) => Buffer.from(bytes, 'base64').toString()),
  );
  for (const [what, text] of told) expect([what, readable(text, MARKS)]).toEqual([what, []]);
  // The receivers did quote.
  for (const what of ['log', 'status --json', 'dead-letters export', '/api/status, 403'])
    expect(told.get(what), what).toContain('[secret]');
});
