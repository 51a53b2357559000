import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readable as readableOf } from '../attack/readable.ts';
import { makeFolder, run, start, startPlatform, until } from './program.ts';
import type { Folder, SimulatedPlatform } from './program.ts';

/** One for each place where a secret can stand. No two share a run, and no word of ours has one of theirs. */
const MARKS = {
  platform: 'q7Xk2Vw9Zr4Tn8Bp',
  broken: 'Hs3Gd6Jf1Ly5Mc0W',
  admin: 'u8Ei4Oa2Pz9Rx7Kt',
  bearer: 'Yb5Nv1Cq6Wd3Fh8J',
  header: 'Lg2Sm7Tk4Xr9Vz0P',
  outside: 'Dj6Qw3Bn8Hf1Gy5U',
  signing: Buffer.from('Ae9Ro4Ic7Kp2Zt6X').toString('base64'),
  query: 'Mv1Jb8Wl5Ds3Hx0N',
  hec: 'Ft4Cy9Gq2Un7Ek6R',
  search: 'Pi3Xa8Zo5Lw1Bm0V',
  elastic: 'Kd7Hr2Jn9Ts4Gf6C',
  password: 'Wq5Ye1Um8Vb3Pl0X',
  otlp: 'Zc6Rt4Nk9Ah2Sj7D',
  traces: 'Bg8Fo3Lx1Iv5Ew0Q',
} as const;

/** All that can be read of them, in whatever writing. */
const readable = (text: string): string[] => readableOf(text, MARKS);

/** How chatty receivers write the credentials of a request that they refuse: another way each time, since little of it is shown. */
const WRITINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.slice(0, 9),
  (text) => Buffer.from(text).toString('hex'),
  (text) => Buffer.from(text).toString('base64'),
  (text) => [...text].map((one) => `&#${one.charCodeAt(0)};`).join(''),
];

function quoting({ url = '', headers }: IncomingMessage, turn: number): string {
  const write = WRITINGS[turn % WRITINGS.length] ?? String;
  const shown = [
    headers.authorization,
    headers['x-api-key'],
    headers['x-region'],
    new URL(url, 'http://a').searchParams.get('token'),
  ];
  return shown
    .filter((value) => typeof value === 'string')
    .map((value) => write(value.slice(value.lastIndexOf(' ') + 1)))
    .join(', ');
}

const ends: (() => void)[] = [];
let folder: Folder;
let platform: SimulatedPlatform;

beforeEach(async () => {
  folder = makeFolder();
  platform = await startPlatform(['--history', '1h', '--rate', '6', '--api-key', MARKS.platform]);
});
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await platform.stop();
  folder.remove();
});

async function receiver(status: number, seen: string[] = []): Promise<string> {
  let turn = 0;
  const server = createServer((request, response) => {
    request.setEncoding('utf8');
    request.on('data', (text: string) => seen.push(text));
    request.on('end', () => {
      const words = `no ${quoting(request, (turn += 1))}`;
      const body = { message: words, text: words, code: 4, error: { type: words, reason: words } };
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function configure(): Promise<string> {
  const [refusing, denying, failing] = [await receiver(422), await receiver(403), await receiver(500)];
  folder.write('broken', `${MARKS.broken}\n`);
  return folder.write(
    'ferry.yaml',
    `state: { dir: ./data }
admin: { listen: '127.0.0.1:0', token: '${MARKS.admin}' }
log: { level: trace }
shutdown_timeout: 1s
simulator: { listen: '127.0.0.1:0', api_key: '${MARKS.platform}' }
sources:
  platform: { type: cloudquery, url: '${platform.url}', api_key: "\${MARK_PLATFORM}", start: 2h }
  broken: { type: cloudquery, url: '${denying}', api_key: "\${file:broken}" }
sinks:
  hook:
    type: http
    url: '${refusing}/in?tenant=blue&token=${MARKS.query}'
    bearer: '${MARKS.bearer}'
    headers: { X-Scope-OrgID: tenant-blue, X-Api-Key: '${MARKS.header}', X-Region: "\${MARK_OUTSIDE}" }
    signing_secrets: ['whsec_${MARKS.signing}']
    batch: { max_events: 2 }
    on_mass_rejection: dead_letter
  hec: { type: splunk_hec, url: '${denying}', token: '${MARKS.hec}', search: { url: '${failing}', token: '${MARKS.search}' } }
  es: { type: elasticsearch, url: '${denying}', api_key: '${MARKS.elastic}' }
  es2: { type: elasticsearch, url: '${failing}', username: ana, password: '${MARKS.password}' }
  logs: { type: otlp, url: '${refusing}', headers: { Authorization: 'Bearer ${MARKS.otlp}' } }
`,
  );
}

it('no secret shows in anything that the program prints, serves, sends or keeps', async () => {
  const traced: string[] = [];
  const env = {
    MARK_PLATFORM: MARKS.platform,
    MARK_OUTSIDE: MARKS.outside,
    OTEL_EXPORTER_OTLP_ENDPOINT: await receiver(200, traced),
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${MARKS.traces}`,
  };
  const config = await configure();
  const told = new Map<string, string>();

  const daemon = start(['run', '-c', config], { env });
  ends.push(() => daemon.child.kill('SIGKILL'));
  const troubled = (name: string): boolean =>
    daemon
      .stderr()
      .split('\n')
      .some((line) => line.includes('"level":"warn"') && line.includes(`:"${name}"`));
  await until('every part to be refused', () => ['broken', 'hec', 'es', 'es2', 'logs'].every(troubled));
  const url = /"url":"([^"]+)","msg":"the status page"/.exec(daemon.stderr())?.[1] ?? '';
  const serve = async (path: string): Promise<string> => {
    const answer = await fetch(new URL(path, url), { headers: { authorization: `Bearer ${MARKS.admin}` } });
    return answer.text();
  };
  await until('a dead letter', async () => (await serve('/api/dead-letters')).includes('"reason"'));
  for (const path of [
    '/',
    '/api/status',
    '/api/config',
    '/api/dead-letters',
    '/api/series',
    '/metrics',
    '/readyz',
  ])
    told.set(path, await serve(path));
  told.set('command line', readFileSync(`/proc/${daemon.child.pid ?? 0}/cmdline`, 'latin1'));
  const command = async (...words: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await run([...words, '-c', config], { env });
    told.set(words.join(' '), `${stdout}\n${stderr}`);
  };
  for (const words of [
    ['check'],
    ['check', '--json'],
    ['status'],
    ['status', '--json'],
    ['dead-letters', 'list', '--json'],
    ['findings', '--json'],
    ['verify', '--json', '--from', '1h', '--to', 'now', '--report', join(folder.path, 'report.html')],
    ['preview'],
  ])
    await command(...words);
  daemon.child.kill('SIGTERM');
  await daemon.ended;
  await command('run', '--once', '--json', '--patience', '1s');
  told.set('log', daemon.stderr());
  told.set('standard output', daemon.stdout());
  told.set('traces', traced.join('\n'));
  told.set('report', readFileSync(join(folder.path, 'report.html'), 'utf8'));
  for (const name of readdirSync(join(folder.path, 'data')))
    told.set(name, readFileSync(join(folder.path, 'data', name), 'latin1'));

  for (const [what, text] of told) expect(readable(text), `${what}:\n${text.slice(0, 4000)}`).toEqual([]);
  // The receivers did quote, and what is not secret is shown.
  for (const what of ['log', 'check', '/api/status', '/api/dead-letters', 'run --once --json --patience 1s'])
    expect(told.get(what), what).toContain('[secret]');
  expect(told.get('traces')).toContain('"poll"');
  expect(told.get('/api/config')).toContain('tenant-blue');
  expect(told.get('/api/config')).toMatch(/in\?\[secret\]/);
});
