import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeFolder, start, until } from './program.ts';
import type { Folder } from './program.ts';

let folder: Folder;
let platform: Server;

const ID = '00000000-0000-4000-8000-000000000001';
const DENSE = `[${'[],'.repeat(8_000_000)}[]]`;

/** A Platform of one event, half an hour old, whose details take half a gigabyte when they are parsed. */
beforeEach(async () => {
  folder = makeFolder();
  const at = new Date(Date.now() - 1_800_000);
  const item = `{"id":"${ID}","created_at":"${at.toISOString()}","event_type":"user_updated","event_details":{"list":${DENSE}}}`;
  platform = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://platform');
    const [from, to] = ['start_time', 'end_time'].map((key) => new Date(searchParams.get(key) ?? 0));
    const shown = from !== undefined && to !== undefined && from <= at && at <= to;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      `{"items":[${shown ? item : ''}],"metadata":{"page_size":1000,"total_count":${Number(shown)}}}`,
    );
  });
  await new Promise<void>((done) => platform.listen(0, '127.0.0.1', done));
});

afterEach(() => {
  platform.closeAllConnections();
  platform.close();
  folder.remove();
});

it('an event that would fill the heap when it is parsed is kept whole, delivered and shown', async () => {
  const { port } = platform.address() as AddressInfo;
  const config = folder.write(
    'ferry.yaml',
    `state: { dir: ./data }
admin: { listen: '127.0.0.1:0' }
sources: { p: { type: cloudquery, url: 'http://127.0.0.1:${port}', api_key: '\${KEY}', start: 2h, poll_interval: 2s } }
sinks:
  archive: { type: file, path: ./archive.ndjson, format: ecs }
  whole: { type: file, path: ./whole.ndjson, format_options: { redact: false } }
`,
  );
  // Starting again once it is in the journal is where the crash loop was.
  for (let round = 0; round < 2; round += 1) {
    const options = { env: { KEY: 'key' }, nodeArguments: ['--max-old-space-size=200'] };
    const daemon = start(['run', '-c', config], options);
    const ended = daemon.ended.then(({ code }) => `ended with ${code}: ${daemon.stderr()}`);
    const reached = until('the event in both files', () => {
      try {
        return ['archive', 'whole'].every((name) =>
          readFileSync(join(folder.path, `${name}.ndjson`), 'utf8').includes(ID),
        );
      } catch {
        return false;
      }
    });
    expect(await Promise.race([ended, reached])).toBeUndefined();
    await until('the status page', () => daemon.stderr().includes('the status page'));
    const url = /"url":"(http:[^"]+)","msg":"the status page"/.exec(daemon.stderr())?.[1] ?? '';
    const shown = (await (await fetch(`${url}/api/events?limit=100`)).json()) as { events: object[] };
    expect(shown.events).toMatchObject([{ id: ID, cut: true }]);
    daemon.child.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
  }
  expect(readFileSync(join(folder.path, 'archive.ndjson'), 'utf8')).toContain('[left out: ');
  expect(readFileSync(join(folder.path, 'whole.ndjson'), 'utf8').includes(DENSE)).toBe(true);
});
