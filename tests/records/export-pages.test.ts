import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { linesOf } from '../../src/records/export-lines.ts';
import { partsOf } from '../../src/records/export-pages.ts';
import { recordsIn } from '../../src/records/unwrap.ts';
import { from, made, prove } from './stream.ts';

/** A number that a double cannot hold, brackets and quotation marks in texts, and lists that hold objects: none may lead astray. */
const RECORDS = [
  '{"id":"a","rows":5367554374243683023,"text":"]}\\"[{\\\\","user":{"roles":[{"name":"x"}]}}',
  '{"id":"b","details":{"results":[{"c":1}],"hits":{"hits":[{"d":2}]}},"ü":"é"}',
  '{"id":"c","list":[[{}],[]]}',
];
const hits = RECORDS.map((record) => `{"_index":"i","_source":${record}}`).join(',');
const PAGE = `{"_scroll_id":"s","_shards":{"failures":[{"e":1}]},"hits":{"total":{"value":3},"hits":[${hits}]},"aggregations":[{"f":1}]}`;
const results = RECORDS.map((record) => `{"_raw":${JSON.stringify(record)}}`).join(',');

async function read(
  text: string,
  blockBytes: number,
): Promise<readonly { number: number; text: string | null }[]> {
  const bytes = Buffer.from(text);
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += blockBytes) blocks.push(bytes.subarray(at, at + blockBytes));
  const found = [];
  for await (const part of linesOf(Readable.from(blocks))) found.push(part);
  return found;
}

describe('an export that is no list of lines', () => {
  it.each([
    ['an array in a line', `[${RECORDS.join(',')}]`],
    ['an array with a line for each', `[\r\n${RECORDS.join(',\r\n')}\r\n]\r\n`],
    ['a page of Elasticsearch', PAGE],
    ['pages of Elasticsearch', `${PAGE.replace(hits, hits.slice(0, hits.indexOf(',{"_index"')))}\n${PAGE}\n`],
    ['a page of Splunk', `{"preview":false,"messages":[{"type":"INFO"}],"results":[${results}]}`],
    ['documents over several lines', RECORDS.map((record) => `{\n  ${record.slice(1, -1)}\n}`).join('\n')],
    [
      'a page over several lines',
      PAGE.replaceAll(',"_source"', ',\n"_source"').replace('{"_scroll_id"', '{\n"_scroll_id"'),
    ],
  ])('%s gives its records as they were written', async (_name, text) => {
    for (const blockBytes of [1, 7, 100_000]) {
      const records = (await read(text, blockBytes)).flatMap((part) => recordsIn(part.text ?? ''));
      const written = records.map(({ record }) => JSON.stringify(record));
      expect(new Set(written)).toEqual(new Set(RECORDS));
    }
  });

  it('loses one record where one is broken, and names the line', async () => {
    const [first = '', second = '', third = ''] = RECORDS;
    const parts = await read(`[\n${first},\n{"half":"\n${second},\n${third}\n]\n`, 5);
    expect(parts).toEqual([
      { number: 2, text: first },
      { number: 3, text: '{"half":"' },
      { number: 4, text: second },
      { number: 5, text: third },
    ]);
  });

  it('says that it breaks off, and what is no document in it', async () => {
    const [first = ''] = RECORDS;
    expect(await read(`[${first},`, 9)).toEqual([
      { number: 1, text: first },
      { number: 1, text: null },
    ]);
    expect(await read(`[${first}]\nCEF:0|a\n`, 9)).toContainEqual({ number: 2, text: 'CEF:0|a' });
  });

  it('keeps no more than the limit', async () => {
    const [first = ''] = RECORDS;
    const blocks = Readable.from([Buffer.from(`[{"long":"${'x'.repeat(500)}`), Buffer.from(`"},${first}]`)]);
    const found = [];
    for await (const part of partsOf(blocks, 200)) found.push(part.text);
    expect(found).toEqual([null, first]);
  });

  it('proves what the lines prove', async () => {
    const { lines } = made([from(1, 40), from(41, 60)]);
    const parts = await read(`[${lines.join(',')}]`, 64);
    const proof = await prove(parts.map(({ text }) => text ?? ''));
    expect(proof).toMatchObject({
      records: 60,
      unreadable: 0,
      streams: [{ found: 60, deleted: { total: 0 } }],
    });
  });
});
