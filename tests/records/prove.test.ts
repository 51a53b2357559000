import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSeal, streamOf } from '../../src/formats/seal.ts';
import { readPublicKeys } from '../../src/records/signatures.ts';
import { from, keyPair, made, prove, proveOne, RAW } from './stream.ts';

const SEGMENTS = [from(1, 20), [], [...from(21, 40), 45, 47], from(48, 60)];
const file = made(SEGMENTS);
const NONE = { total: 0, runs: [] };
const CLEAN = {
  deleted: NONE,
  changed: NONE,
  forged: [],
  repeated: NONE,
  reordered: NONE,
  added: NONE,
  faults: [],
  named: 55,
  found: 55,
};

function without(...places: readonly number[]): string[] {
  return file.lines.filter((_, place) => !places.includes(place));
}

function replaced(place: number, change: (line: string) => string): string[] {
  return file.lines.map((line, at) => (at === place ? change(line) : line));
}

describe('a file', () => {
  it('as it was sent proves all of it', async () => {
    const proof = await prove(file.lines);
    expect(proof).toMatchObject({ lines: 59, records: 55, unsealed: 0, unreadable: 0 });
    expect(proof.streams).toMatchObject([
      {
        ...CLEAN,
        sink: 'archive',
        heartbeats: 4,
        order: 'ascending',
        signature: 'none',
        covered: { fromStart: true, fromSeq: 1, toSeq: 60 },
      },
    ]);
  });

  it('proves the same in any order, which then proves nothing of the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...file.lines], { minLength: file.lines.length }),
        async (lines) => {
          const proof = await proveOne(lines);
          expect({ ...proof, reordered: NONE }).toMatchObject(CLEAN);
        },
      ),
      { numRuns: 20 },
    );
    expect(await proveOne(file.lines.toReversed())).toMatchObject({ ...CLEAN, order: 'descending' });
  });

  it('with records deleted names each of them', async () => {
    const proof = await proveOne(without(file.at(3), file.at(4), file.at(45)));
    expect(proof).toMatchObject({
      ...CLEAN,
      found: 52,
      deleted: {
        total: 3,
        runs: [
          [3, 4],
          [45, 45],
        ],
      },
    });
  });

  it('with a record changed names it, and the line', async () => {
    const place = file.at(33);
    const proof = await proveOne(replaced(place, (line) => line.replace('user-33', 'nobody')));
    expect(proof).toMatchObject({
      ...CLEAN,
      changed: { total: 1, runs: [[33, 33]] },
      changedLines: [{ seq: 33, line: place + 1 }],
    });
  });

  it('with a record changed together with its seal names the segment', async () => {
    const seal = createSeal(RAW, streamOf('installation', 'archive'));
    const { body } = seal('{"id":"id-5","who":"nobody"}', { seq: 5n, id: 'id-5' });
    const proof = await proveOne(replaced(file.at(5), () => body));
    expect(proof).toMatchObject({ ...CLEAN, forged: [{ number: 1, seqs: '1-20' }] });
  });

  it('with a record repeated names it, and a repeated heartbeat is no fault', async () => {
    const twice = [...file.lines.slice(0, 8), file.lines[7] ?? '', ...file.lines.slice(8)];
    expect(await proveOne(twice)).toMatchObject({ ...CLEAN, repeated: { total: 1, runs: [[8, 8]] } });
    expect(await proveOne([...file.lines, file.lines[file.heartbeat(2)] ?? ''])).toMatchObject({
      ...CLEAN,
      heartbeats: 4,
    });
  });

  it('with a copy of another mapping calls it a repeat, whichever stands first', async () => {
    const seal = createSeal(RAW, streamOf('installation', 'archive'));
    const { body } = seal('{"id":"id-5","mapped":"anew"}', { seq: 5n, id: 'id-5' });
    const repeated = { repeated: { total: 1, runs: [[5, 5]] } };
    expect(await proveOne([...file.lines, body])).toMatchObject({ ...CLEAN, ...repeated });
    expect(await proveOne([body, ...file.lines])).toMatchObject({ ...CLEAN, ...repeated, reordered: {} });
  });

  it.each([
    ['two that follow each other', 10, 1],
    ['one ahead', 30, -12],
    ['one back', 12, 15],
  ])('with %s in another place names one of them', async (_name, seq, by) => {
    const lines = [...file.lines];
    const [moved = ''] = lines.splice(file.at(seq), 1);
    lines.splice(file.at(seq) + by, 0, moved);
    const proof = await proveOne(lines);
    expect(proof.reordered.total).toBe(1);
    expect(proof).toMatchObject({ ...CLEAN, reordered: {} });
  });

  it('with a record that heartbeats do not name says that it was added', async () => {
    const seal = createSeal(RAW, streamOf('installation', 'archive'));
    const { body } = seal('{"id":"id-46"}', { seq: 46n, id: 'id-46' });
    expect(await proveOne([...file.lines, body])).toMatchObject({
      ...CLEAN,
      added: { total: 1, runs: [[46, 46]] },
    });
  });

  it('does not take a dead letter that was sent at last for anything else', async () => {
    const late = made([from(1, 9), [...from(11, 20), 10]]);
    expect(await proveOne(late.lines)).toMatchObject({
      deleted: NONE,
      added: NONE,
      reordered: NONE,
      found: 20,
    });
  });

  it('without a heartbeat says which, and leaves its records unjudged', async () => {
    const proof = await proveOne(without(file.heartbeat(3)));
    expect(proof).toMatchObject({ faults: ['heartbeat 3 is missing'], added: NONE, deleted: NONE });
    expect(proof.uncovered.total).toBe(22);
    const fewer = await proveOne(without(file.heartbeat(2), file.heartbeat(3)));
    expect(fewer.faults).toEqual(['heartbeats 2 to 3 are missing']);
  });

  it('that begins or ends within a segment is judged from there to there', async () => {
    const proof = await proveOne(file.lines.slice(file.at(30), file.heartbeat(4)));
    expect(proof).toMatchObject({ deleted: NONE, faults: [], covered: { fromStart: false, fromSeq: 21 } });
    expect(proof.before).toMatchObject({ total: 9, runs: [[21, 29]] });
    expect(proof.uncovered).toMatchObject({ total: 13, runs: [[48, 60]] });
    // Number 1 has nothing before it: there it is no cut.
    expect((await proveOne(file.lines.slice(3))).deleted).toMatchObject({ total: 3, runs: [[1, 3]] });
  });

  it('with a heartbeat changed says which, whether or not it is signed', async () => {
    const change = (line: string): string => line.replace('"dead_letters":0', '"dead_letters":9');
    const { faults } = await proveOne(replaced(file.heartbeat(1), change));
    expect(faults).toEqual(['heartbeat 2 does not follow upon heartbeat 1: one of them was changed']);
    const claims = await proveOne(
      replaced(file.heartbeat(4), (line) => line.replace('"48-60"', '"48-9007199254740000"')),
    );
    expect(claims.faults).toContain('heartbeat 4 contradicts itself: it was changed');
    const both = await proveOne([...file.lines, change(file.lines[file.heartbeat(4)] ?? '')]);
    expect(both.faults).toEqual(['there are two different heartbeats 4']);
  });

  it('of several sinks is judged for each of them', async () => {
    const other = made([from(1, 5)], undefined, 'other');
    const { streams } = await prove([...file.lines, ...other.lines.slice(1)]);
    expect(streams.map(({ sink, deleted }) => [sink, deleted.total]).toSorted()).toEqual([
      ['archive', 0],
      ['other', 1],
    ]);
  });

  it('counts what is not ours, and what cannot be read', async () => {
    const proof = await prove([...file.lines, '{"id":"x"}', 'no record', '', '{"half":']);
    expect(proof).toMatchObject({ records: 55, unsealed: 1, unreadable: 2 });
    expect(proof.streams[0]).toMatchObject(CLEAN);
  });

  it('says nothing of records that a heartbeat calls pruned: a backfill may have sent them', async () => {
    const others = [...from(1, 20), ...from(31, 40)];
    const sent = made([others]).lines.map((line) => line.replace('"pruned":""', '"pruned":"21-30"'));
    const late = made([from(1, 40)]).lines.slice(20, 30);
    expect(await proveOne([...sent, ...late])).toMatchObject({
      added: { total: 0 },
      uncovered: { total: 10 },
      pruned: ['21-30'],
    });
  });

  it('finds nothing added where a record is named twice: refused in a replay, and taken later', async () => {
    const { lines } = made([from(1, 40), [5], from(41, 50)]);
    expect(await proveOne(lines)).toMatchObject({ added: { total: 0 }, uncovered: { total: 0 }, forged: [] });
  });

  it('does not run for ever over a heartbeat that claims everything', async () => {
    const huge = 9_007_199_254_740_000;
    const lines = replaced(file.heartbeat(4), (line) =>
      line.replace('"48-60"', `"48-${huge}"`).replace('"events":13', `"events":${huge - 47}`),
    );
    const proof = await proveOne(lines);
    expect(proof.deleted.runs.at(-1)).toEqual([61, huge]);
  });
});

describe('a signature', () => {
  const own = keyPair();
  const signed = made(SEGMENTS, own.privatePem);

  it('holds under the key, and under one of several', async () => {
    expect(await proveOne(signed.lines, readPublicKeys(own.publicPem))).toMatchObject({
      ...CLEAN,
      signature: 'holds',
    });
    const several = readPublicKeys(keyPair().publicPem + own.publicPem);
    expect(await proveOne(signed.lines, several)).toMatchObject({ signature: 'holds' });
    expect(await proveOne(signed.lines)).toMatchObject({ signature: 'not looked at' });
  });

  it('fails under another key, and where there is none', async () => {
    const wrong = await proveOne(signed.lines, readPublicKeys(keyPair().publicPem));
    expect(wrong.signature).toBe('fails');
    expect(wrong.faults[0]).toMatch(/^heartbeat 1: it is signed with another key/);
    const { faults } = await proveOne(file.lines, readPublicKeys(own.publicPem));
    expect(faults[0]).toBe('heartbeat 1: it is not signed');
  });

  it('fails for a heartbeat that was changed', async () => {
    const lines = signed.lines.map((line) => line.replace('"waiting":0', '"waiting":1'));
    const { faults } = await proveOne(lines, readPublicKeys(own.publicPem));
    expect(faults[0]).toMatch(/its signature does not hold/);
  });

  it('needs an Ed25519 key', () => {
    for (const text of ['', 'no key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'])
      expect(() => readPublicKeys(text)).toThrow(/no Ed25519 public key/);
  });
});
