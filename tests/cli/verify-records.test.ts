import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { verifyRecordsCommand } from '../../src/cli/verify/records.ts';
import type { RecordsOptions } from '../../src/cli/verify/records.ts';
import { from, keyPair, made } from '../records/stream.ts';
import { fakeTerminal, rooms } from './room.ts';

const room = rooms();
const key = keyPair();
const signed = made([from(1, 30), from(31, 60)], key.privatePem);

interface Document {
  readonly verdict: string;
  readonly summary: string;
  readonly reasons: readonly string[];
  readonly not_proven: readonly string[];
  readonly deleted: number;
  readonly sinks: readonly {
    readonly name: string;
    readonly deleted: { readonly seqs: readonly string[] };
  }[];
}

async function judged(
  lines: readonly string[],
  more: Partial<RecordsOptions> = {},
): Promise<{ code: number; out: string }> {
  const file = room().path('export.ndjson');
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  const terminal = fakeTerminal();
  const code = await verifyRecordsCommand({ records: file, ...more }, terminal);
  return { code, out: terminal.printed.out };
}

function keyFile(pem: string): string {
  const file = room().path('key.pem');
  writeFileSync(file, pem);
  return file;
}

describe('verify --records', () => {
  it('exits 0 for a file that is whole, and says what it does not prove', async () => {
    const { code, out } = await judged(signed.lines, { publicKey: keyFile(key.publicPem) });
    expect(code).toBe(0);
    expect(out).toMatch(/ok {4}complete: the file holds 60 records/);
    expect(out).toMatch(/every signature holds/);
    expect(out).toMatch(/not proven: what came after seq 60/);
    expect(out).not.toMatch(/nobody forged/);
  });

  it('says that nothing shows who wrote it where no signature was checked', async () => {
    expect((await judged(signed.lines)).out).toMatch(/nobody forged it: .* no --public-key was given/);
    expect((await judged(made([from(1, 3)]).lines)).out).toMatch(/nobody forged it: .* not signed/);
  });

  it.each([
    ['deleted', (lines: string[]) => lines.splice(signed.at(7), 2), 'seq 7-8'],
    [
      'changed',
      (lines: string[]) => (lines[signed.at(9)] = (lines[signed.at(9)] ?? '').replace('user-9', 'x')),
      'seq 9',
    ],
    ['repeated', (lines: string[]) => lines.push(lines[signed.at(11)] ?? ''), 'seq 11'],
    ['reordered', (lines: string[]) => lines.splice(2, 0, ...lines.splice(signed.at(40), 1)), 'seq 40'],
  ])('exits 3 for a record that was %s and names it', async (word, tamper, seqs) => {
    const lines = [...signed.lines];
    tamper(lines);
    const { code, out } = await judged(lines, { publicKey: keyFile(key.publicPem), json: true });
    const document = JSON.parse(out) as Document;
    expect(code).toBe(3);
    expect(document).toMatchObject({
      verdict: 'incomplete',
      complete: false,
      [word]: word === 'deleted' ? 2 : 1,
    });
    expect(document.reasons).toEqual([expect.stringContaining(`${word}: ${seqs}`)]);
    expect(document.sinks[0]).toMatchObject({ name: 'archive', signature: 'holds' });
  });

  it('exits 3 under another key, without a heartbeat, and for dead letters', async () => {
    const other = await judged(signed.lines, { publicKey: keyFile(keyPair().publicPem) });
    expect(other).toMatchObject({
      code: 3,
      out: expect.stringContaining('signed with another key') as unknown,
    });
    const none = await judged(signed.lines.slice(0, 5));
    expect(none).toMatchObject({ code: 3, out: expect.stringContaining('there is no heartbeat') as unknown });
    const letters = made([from(1, 3)]).lines.map((line) =>
      line.replace('"open_dead_letters":0', '"open_dead_letters":2'),
    );
    const { code, out } = await judged(letters, { json: true });
    expect([code, (JSON.parse(out) as Document).verdict]).toEqual([3, 'undelivered']);
  });

  it('is not complete for a sink without its heartbeats, or for heartbeats without one record', async () => {
    const other = made([from(1, 5)], undefined, 'other').lines.slice(0, 5);
    const beside = await judged([...signed.lines, ...other]);
    expect(beside).toMatchObject({
      code: 3,
      out: expect.stringMatching(/sink [0-9a-f]{16}: there is no heartbeat/) as unknown,
    });
    const bare = await judged(signed.lines.slice(signed.heartbeat(2)));
    expect(bare).toMatchObject({
      code: 3,
      out: expect.stringContaining('not one of 30 records that heartbeats name is there') as unknown,
    });
  });

  it('tells apart what the receiver took although it became a dead letter', async () => {
    const late = made([from(1, 20)]);
    const [record = ''] = made([[...from(1, 20), 21]]).lines.slice(20);
    const [, digest = ''] = /"auditferry_seal":"[0-9a-f]{16}\.([^"]+)"/.exec(record) ?? [];
    const heartbeat = late.lines[20]?.replace(
      '"pruned"',
      `"unanswered":"21:${digest.slice(0, 22)}","pruned"`,
    );
    const lines = [...late.lines.slice(0, 20), record, heartbeat ?? ''];
    const { code, out } = await judged(lines);
    expect(out).toMatch(/1 record there that the receiver took .* seq 21/);
    expect(code).toBe(0);
    const { out: json } = await judged(lines, { json: true });
    expect((JSON.parse(json) as Document).sinks[0]).toMatchObject({ unanswered: { total: 1, seqs: ['21'] } });
  });

  it('reads gzip, and a rotated file after the other', async () => {
    const path = room().path('export.gz');
    const half = signed.at(40);
    const text = (lines: readonly string[]): Buffer => gzipSync(lines.map((line) => `${line}\n`).join(''));
    writeFileSync(path, Buffer.concat([text(signed.lines.slice(0, half)), text(signed.lines.slice(half))]));
    expect(await verifyRecordsCommand({ records: path }, fakeTerminal())).toBe(0);
    writeFileSync(path, readFileSync(path).subarray(0, -9));
    await expect(verifyRecordsCommand({ records: path }, fakeTerminal())).rejects.toThrow(/cannot be read/);
  });

  it('refuses what is no file and no key', async () => {
    const refused = (options: RecordsOptions) =>
      expect(verifyRecordsCommand(options, fakeTerminal())).rejects.toMatchObject({ kind: 'config' });
    await refused({ records: room().path('absent') });
    await refused({ records: room().dir });
    const packed = room().path('export.zst');
    writeFileSync(packed, zstdCompressSync(signed.lines.join('\n')));
    await refused({ records: packed });
    await refused({ records: keyFile('x'), publicKey: room().path('absent') });
    await refused({ records: keyFile('x'), publicKey: keyFile('no key') });
  });
});
