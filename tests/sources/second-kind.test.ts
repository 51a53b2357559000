import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { openJournal } from '../../src/checkpoint/sqlite/index.ts';
import { buildParts } from '../../src/cli/build-parts.ts';

import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { wallClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import { startDaemon } from '../../src/pipeline/daemon.ts';
import type { DaemonEnd } from '../../src/pipeline/daemon.ts';
import { createDoorLog, DOOR_KEY, doorSource, idOf } from '../fakes/door-log.ts';

const CONFIG = `
sources:
  hq: { type: doors, building: hq.example, key: ${DOOR_KEY} }
sinks:
  cef: { type: file, path: cef.log, format: cef }
  ecs: { type: file, path: ecs.log, format: ecs }
`;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auditferry-doors-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('carries a second kind of source through the same loops and journal', async () => {
  const doors = createDoorLog();
  const known = [doorSource(doors)];
  const run = async (): Promise<DaemonEnd> => {
    const parts = { ...(await loadParts(['file'])), sources: known };
    const config = parseConfig(CONFIG, join(folder, 'auditferry.yaml'), {}, parts);
    const journal = await openJournal({
      dir: folder,
      maxBytes: 2 ** 26,
      clock: wallClock,
      access: 'writer',
      onWarn: () => {},
    });
    const built = await buildParts(config, silentLog, known);
    const daemon = startDaemon({
      ...built,
      journal,
      retentionMs: config.state.retention,
      clock: wallClock,
      log: silentLog,
      patienceMs: 30_000,
    });
    const end = await daemon.done;
    await built.close();
    await journal.close();
    return end;
  };
  const linesOf = async (name: string): Promise<string[]> =>
    (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n');

  doors.add(120);
  expect(await run()).toMatchObject({ failures: [], interrupted: false });
  doors.add(7);
  expect(await run()).toMatchObject({ failures: [], interrupted: false });

  const documents = (await linesOf('ecs.log')).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(documents.map(({ event }) => (event as { id: string }).id)).toEqual(doors.entries.map(idOf));
  expect(documents[0]).toMatchObject({
    observer: { vendor: 'Acme', product: 'Acme Doors' },
    event: { module: 'doors', provider: 'acme-doors', action: 'door_opened' },
    doors: { audit: { instance: 'hq.example', api_version: '7', entity_display_name: 'Door 1' } },
    user: { email: 'holder1@doors.example' },
  });
  const lines = await linesOf('cef.log');
  expect(lines).toHaveLength(127);
  for (const line of lines) {
    expect(line).toMatch(/^CEF:0\|Acme\|Acme Doors\|7\|/);
    expect(line.toLowerCase()).not.toContain('cloudquery');
  }
});
