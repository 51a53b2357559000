import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { describe, expect, it } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { status as statusCommand } from '../../src/cli/status/command.ts';
import { verifyCommand } from '../../src/cli/verify/command.ts';
import type { VerifyOptions } from '../../src/cli/verify/command.ts';
import { carryEverything, impatient, stoppedRooms } from './carried.ts';
import { idOf } from '../../src/checkpoint/sqlite/identity.ts';
import { changeEvent, dropEvents } from '../checkpoint/tamper.ts';

const rooms = stoppedRooms();

interface Document {
  readonly verdict: string;
  readonly summary: string;
  readonly reasons: readonly string[];
  readonly configuration_sha256: string;
  readonly repairs: readonly string[];
  readonly journal: { readonly faults: readonly { readonly id: string | null; readonly kind: string }[] };
  readonly sources: readonly { readonly missing: Named }[];
  readonly sinks: readonly {
    readonly missing: Named;
    readonly can_be_asked: boolean;
    readonly waiting: number;
    readonly dead_letters: number;
  }[];
}

interface Named {
  readonly total: number;
  readonly events: readonly { readonly id: string }[];
}

async function verified(
  config: string,
  more: Partial<VerifyOptions> = {},
): Promise<{ code: number; document: Document }> {
  const terminal = impatient();
  const code = await verifyCommand({ config, from: '3h', to: 'now', json: true, ...more }, terminal);
  return { code, document: terminal.json() as Document };
}

describe('verify', () => {
  it('exits 0 on a clean installation and says so in plain words', async () => {
    const room = await carryEverything(rooms());
    const terminal = impatient();
    expect(await verifyCommand({ config: room.config, from: '3h', to: 'now' }, terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(/ok {4}complete/);
    expect(terminal.printed.out).toMatch(/sink archive: holds [1-9]/);
    expect(terminal.printed.out).toMatch(/sink out cannot be asked what it holds/);
  });

  it('does not speak of sinks that it was not asked about', async () => {
    const room = await carryEverything(rooms());
    const terminal = impatient();
    const options = { config: room.config, from: '3h', to: 'now', sink: 'archive', source: 'platform' };
    expect(await verifyCommand(options, terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(/120 events known to .* the journal and sink archive agree\.\n$/);
  });

  it('names what was deleted or changed anywhere, exits 3, and --repair fixes what can be fixed', async () => {
    const room = await carryEverything(rooms());
    const file = room.path('data/journal.db');
    const db = new DatabaseSync(file);
    const idAt = (seq: number): string => idOf(db.prepare(`SELECT id FROM ids WHERE seq = ?`).get(seq) ?? {});
    const [lost, changed, unsent] = [idAt(40), idAt(60), idAt(80)];
    dropEvents(file, 40n);
    db.exec('DELETE FROM ids WHERE seq = 40');
    changeEvent(file, 60n, { body: Buffer.from('{"id":"forged"}') });
    db.close();
    const lines = readFileSync(room.path('out/audit.ndjson'), 'utf8').split('\n');
    writeFileSync(room.path('out/audit.ndjson'), lines.filter((line) => !line.includes(unsent)).join('\n'));
    const [late = ''] = room.simulator.platform.insert([
      { createdAt: new Date(Date.now() - 2_700_000).toISOString() },
    ]);

    const { code, document } = await verified(room.config);
    expect(code).toBe(3);
    expect(document.sources[0]?.missing.events.map(({ id }) => id).toSorted()).toEqual(
      [late, lost].toSorted(),
    );
    expect(document.journal.faults.map(({ kind, id }) => [kind, id])).toEqual([
      ['changed', null],
      ['lost', null],
      ['changed', changed],
    ]);
    expect(document.sinks.map(({ missing }) => missing.events.map(({ id }) => id))).toEqual([[unsent], []]);

    const after = await verified(room.config, { repair: true });
    expect(after.document.repairs).toHaveLength(2);
    expect(after.document.sources[0]?.missing.total).toBe(0);
    expect(after.document.sinks[0]?.missing.total).toBe(0);
    expect(after.code).toBe(3); // the chain stays broken: a repair is no cover-up
    // What was appended again waits for the next run: nothing delivers now.
    expect(after.document.reasons.filter((reason) => !reason.includes('of the journal'))).toEqual([
      'sink archive: 2 events waiting',
    ]);
    expect(after.document).toMatchObject({ verdict: 'incomplete', sinks: [{ waiting: 2 }, {}] });
  });

  it.each([
    [
      'waiting',
      (journal: Journal) => journal.moveCursor('late', 60n, []),
      { waiting: 60, dead_letters: 0 },
      '60 events waiting',
    ],
    [
      'refused',
      async (journal: Journal) => {
        const all = await journal.read(0n, { maxEvents: 999, maxBytes: 1e9 });
        const rejected = all.slice(0, 17).map((event) => ({ event, reason: 'mapping', attempts: 1 }));
        await journal.moveCursor('late', all.at(-1)?.seq ?? 0n, rejected);
      },
      { waiting: 0, dead_letters: 17 },
      '17 dead letters',
    ],
    [
      'too old for the receiver',
      async (journal: Journal) => {
        const all = await journal.read(0n, { maxEvents: 999, maxBytes: 1e9 });
        const rejected = all
          .slice(0, 5)
          .map((event) => ({ event, reason: 'too old: by a day', attempts: 1 }));
        await journal.moveCursor('late', all.at(-1)?.seq ?? 0n, rejected);
      },
      { waiting: 0, dead_letters: 0, too_old: 5 },
      '5 events too old for the receiver',
    ],
  ])(
    'exits 3 and says undelivered in its first words when events are %s',
    async (_name, arrange, figures, words) => {
      const room = await carryEverything(rooms());
      writeFileSync(
        room.config,
        `${readFileSync(room.config, 'utf8')}  late: { type: http, url: 'http://127.0.0.1:9/' }\n`,
      );
      const journal = await room.room.writer();
      await arrange(journal);
      await journal.close();
      const report = room.path('report.html');
      const { code, document } = await verified(room.config, { report });
      expect(code).toBe(3);
      expect(document).toMatchObject({
        verdict: 'undelivered',
        complete: false,
        summary: `undelivered: sink late: ${words}. The journal has everything.`,
      });
      expect(document.sinks.at(-1)).toMatchObject({ name: 'late', ...figures });
      expect(readFileSync(report, 'utf8')).toContain(
        `<strong>✗ Undelivered</strong>\n<p>${document.summary}`,
      );
      const terminal = impatient();
      await verifyCommand({ config: room.config, from: '3h', to: 'now' }, terminal);
      expect(terminal.printed.out).toContain(`warn  ${document.summary}`);
      const status = impatient();
      expect(await statusCommand({ config: room.config, json: true }, status)).toBe(1); // no daemon runs
      const told = status.json() as Document;
      expect(told.verdict).toBe('undelivered');
      expect(told.summary).toContain(
        `undelivered: sink late: ${words}. The journal has everything as of the last count (`,
      );
    },
  );

  it('writes a page that loads nothing, runs nothing, and escapes what comes from outside', async () => {
    const room = await carryEverything(rooms());
    const evil = '<script>alert("1")</script>&';
    room.simulator.platform.insert([{ createdAt: new Date(Date.now() - 2_700_000).toISOString(), id: evil }]);
    const report = room.path('report.html');
    expect((await verified(room.config, { report })).code).toBe(3);
    const page = readFileSync(report, 'utf8');
    expect(page.indexOf('<h2>Totals</h2>')).toBeLessThan(page.indexOf('Missing in the journal'));
    expect(page).toContain('what receivers got was redacted');
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;');
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|\son\w+=/);
    expect(page).toMatch(/✗ Incomplete/);
    const { document } = await verified(room.config);
    expect(page).toContain(document.configuration_sha256);
    expect(document.configuration_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses a range, a name or a report that makes no sense, before it asks anybody', async () => {
    const room = await carryEverything(rooms());
    const asked = (more: Partial<VerifyOptions>): Promise<unknown> => verified(room.config, more);
    await expect(asked({ from: 'now', to: '2h' })).rejects.toMatchObject({ kind: 'config' });
    await expect(asked({ sink: 'nobody' })).rejects.toThrow(/no sink named nobody/);
    await expect(asked({ source: 'nobody' })).rejects.toThrow(/no source named nobody/);
    await expect(asked({ report: room.path('nowhere/report.html') })).rejects.toThrow(/cannot be written/);
  });
});
