import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { makeFolder, run, start, startPlatform, until } from './program.ts';
import type { Folder, SimulatedPlatform } from './program.ts';
import { readNdjsonIds, tally } from './receivers.ts';

const KEY = 'never-show-this-key';
let folder: Folder;
let platform: SimulatedPlatform;

beforeAll(async () => {
  platform = await startPlatform(['--history', '1h', '--rate', '2', '--api-key', KEY]);
});
afterAll(() => platform.stop());
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

interface Wishes {
  readonly url?: string;
  readonly state?: string;
  readonly more?: string;
  readonly sinks?: string;
}

function configure({
  url = platform.url,
  state = '{ dir: ./state }',
  more = '',
  sinks,
}: Wishes = {}): string {
  return folder.write(
    'auditferry.yaml',
    `state: ${state}
admin: { listen: "off" }
sources:
  platform: { type: cloudquery, url: "${url}", api_key: "\${KEY}", start: 1d, poll_interval: 1s, rate_limit: { requests_per_second: 50 } }
sinks:
  ${sinks ?? 'file: { type: file, path: ./out/audit.ndjson }'}
${more}`,
  );
}

const env = { KEY };
const once = (file: string, patience = '4s') =>
  run(['run', '-c', file, '--once', '--patience', patience], { env });

describe('the command line', () => {
  it('an older Node.js is told what is needed', async () => {
    const old = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.20.2"})';
    const result = await run(['--version'], { nodeArguments: ['--import', old] });
    expect(result).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'auditferry needs Node.js 24 or later; this is 20.20.2\n  in a checkout on Linux, `npm start -- …` brings its own\n',
    });
  });

  it('bad usage exits with 2 and says how', async () => {
    const result = await run(['run']);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('--config');
  });

  it('a bad configuration names every fault with its place, and no secret', async () => {
    const file = folder.write(
      'bad.yaml',
      `sources:
  platform: { type: cloudquery, url: "https://api.cloudquery.io", api_key: "cqpd_${KEY}" }
sinks:
  file: { type: file, pth: ./x }
  out: { type: stdout, format: xml }
`,
    );
    const result = await run(['run', '-c', file]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/bad\.yaml:4:\d+: .*pth.*did you mean "path"\?/);
    expect(result.stderr).toMatch(/bad\.yaml:5:\d+: .*format/);
    expect(result.stderr).not.toContain(KEY);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  it('schema prints JSON', async () => {
    expect(JSON.parse((await run(['schema'])).stdout)).toMatchObject({ type: 'object' });
  });
});

describe('the state directory', () => {
  it('held by another process is refused, with its name', async () => {
    const file = configure();
    const first = start(['run', '-c', file], { env });
    await until('the first to run', () => first.stderr().includes('read new events'));
    const second = await run(['run', '-c', file], { env });
    first.child.kill('SIGTERM');
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`process ${first.child.pid}`);
    expect((await first.ended).code).toBe(0);
  });

  it('of another program is refused', async () => {
    mkdirSync(join(folder.path, 'state'));
    const foreign = new DatabaseSync(join(folder.path, 'state', 'journal.db'));
    foreign.exec('PRAGMA application_id = 77; CREATE TABLE theirs (x)');
    foreign.close();
    const result = await once(configure());
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('made by another program');
  });

  it('that is no folder is refused', async () => {
    writeFileSync(join(folder.path, 'state'), 'a file');
    const result = await once(configure());
    expect(result.code).toBe(2);
    expect(result.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
  });

  it('damaged in the middle stops instead of starting over', async () => {
    const file = configure();
    expect((await once(file)).code).toBe(0);
    const path = join(folder.path, 'state', 'journal.db');
    const db = new DatabaseSync(path);
    db.exec('DELETE FROM pages WHERE first_seq = (SELECT max(first_seq) FROM pages)');
    db.close();
    const result = await once(file);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('journal');
  });
});

describe('a Platform that does not answer as it should', () => {
  let server: Server;
  let answer: { status: number; type: string; body: string };
  let url: string;
  let requests = 0;

  beforeAll(async () => {
    server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it.each([
    ['HTML', 200, 'text/html', '<html>sign in</html>', /instead of JSON/],
    ['an odd shape', 200, 'application/json', '{"data":[]}', /no .+items.+ list/],
    ['cut JSON', 200, 'application/json', '{"items":[{"id"', /not complete JSON/],
    ['401', 401, 'application/json', '{"message":"no","status":401}', /answered 401/],
    ['403', 403, 'application/json', '{"message":"no","status":403}', /admin:read/],
    ['404', 404, 'application/json', '{"message":"no","status":404}', /answered 404/],
    ['503', 503, 'text/plain', 'busy', /answered 503/],
    ['a redirect', 302, 'text/html', '', /redirects/],
  ])(
    '%s: one clear line, no crash, no hot loop, nothing marked as read',
    async (_name, status, type, body, text) => {
      answer = { status, type, body };
      requests = 0;
      const result = await once(configure({ url }), '2s');
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(text);
      expect(result.stderr).not.toContain(KEY);
      expect(requests).toBeLessThan(30);
      const healed = await once(configure());
      expect(healed.code, healed.stderr).toBe(0);
      expect(tally(await platform.ids(), readNdjsonIds(join(folder.path, 'out/audit.ndjson'))).repeated).toBe(
        0,
      );
      expect(readNdjsonIds(join(folder.path, 'out/audit.ndjson')).length).toBeGreaterThan(50);
    },
  );

  it('unreachable: says so and keeps trying until patience ends', async () => {
    const result = await once(configure({ url: 'http://127.0.0.1:9' }), '2s');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('cannot be reached');
  });
});

describe('a receiver', () => {
  it('that is down at the start gets everything once it is up', async () => {
    const reserved = createServer();
    await new Promise<void>((resolve) => reserved.listen(0, '127.0.0.1', resolve));
    const { port } = reserved.address() as AddressInfo;
    await new Promise<void>((resolve) => reserved.close(() => resolve()));
    const file = configure({
      sinks: `hook: { type: http, url: "http://127.0.0.1:${port}/", compress: none }`,
    });
    const running = start(['run', '-c', file], { env });
    await until('the first failure', () => running.stderr().includes('cannot be reached'));
    const ids = new Set<string>();
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (bytes: Buffer) => (body += bytes.toString('utf8')));
      request.on('end', () => {
        for (const line of body.split('\n'))
          if (line !== '') ids.add((JSON.parse(line) as { id: string }).id);
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(port, '127.0.0.1', resolve));
    const wanted = await platform.ids();
    await until('everything to arrive', () => wanted.every((id) => ids.has(id)));
    await until('the good news', () => running.stderr().includes('works again'));
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    await new Promise<void>((resolve) => receiver.close(() => resolve()));
  });

  it('that cannot be written to holds, and nothing is lost', async () => {
    const file = configure({ sinks: 'file: { type: file, path: /dev/full }' });
    const failed = await once(file, '2s');
    expect(failed.code).toBe(1);
    const fixed = await once(configure());
    expect(fixed.code, fixed.stderr).toBe(0);
    expect(readNdjsonIds(join(folder.path, 'out/audit.ndjson')).length).toBeGreaterThan(50);
  });
});

describe('signals', () => {
  it('a bad configuration is refused at a reload, a good one is taken up without losing the place', async () => {
    const file = configure();
    const running = start(['run', '-c', file], { env });
    await until('the first events', () => running.stderr().includes('read new events'));
    configure({ more: 'nonsense: 1' });
    running.child.kill('SIGHUP');
    await until('the refusal', () => running.stderr().includes('the old one stays in force'));
    configure({ sinks: 'second: { type: file, path: ./out/second.ndjson }' });
    running.child.kill('SIGHUP');
    await until('the new configuration', () =>
      running.stderr().includes('the new configuration is in force'),
    );
    const wanted = await platform.ids();
    await until('the new sink to have everything', () => {
      const got = new Set(readNdjsonIds(join(folder.path, 'out/second.ndjson')));
      return wanted.every((id) => got.has(id));
    });
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    expect(tally(wanted, readNdjsonIds(join(folder.path, 'out/second.ndjson'))).repeated).toBe(0);
  });
});
