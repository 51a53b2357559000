import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { linesOf } from '../../src/records/export-lines.ts';
import { recordsIn } from '../../src/records/unwrap.ts';

const RECORD = { id: 'a', n: 1 };
const TEXT = JSON.stringify(RECORD);
const CEF = 'CEF:0|a|b|c|d|e|1|x=y';
const wrapped = { record: RECORD, bare: false };

describe('a line of an export', () => {
  it.each([
    ['as our file sink writes it', TEXT, [{ record: RECORD, bare: true }]],
    ['of a JSON array', `${TEXT},`, [{ record: RECORD, bare: true }]],
    ['of Splunk', JSON.stringify({ preview: false, result: { _raw: TEXT, _time: 'x' } }), [wrapped]],
    ['of Splunk, the fields alone', JSON.stringify({ _raw: TEXT, source: 'x' }), [wrapped]],
    ['of Splunk, a page', JSON.stringify({ results: [{ _raw: TEXT }, { _raw: TEXT }] }), [wrapped, wrapped]],
    ['as HEC takes it', JSON.stringify({ time: 1, sourcetype: 's', event: RECORD }), [wrapped]],
    [
      'as HEC takes text',
      JSON.stringify({ time: 1, sourcetype: 's', event: CEF }),
      [{ record: CEF, bare: false }],
    ],
    ['of Elasticsearch', JSON.stringify({ _index: 'i', _id: 'x', _source: RECORD }), [wrapped]],
    ['of Elasticsearch, a page', JSON.stringify({ hits: { hits: [{ _source: RECORD }] } }), [wrapped]],
    [
      'of Elasticsearch, text',
      JSON.stringify({ _source: { '@timestamp': 'x', message: CEF, event: { id: 'a' } } }),
      [{ record: CEF, bare: false }],
    ],
    ['of Sentinel', JSON.stringify({ EventTime: 'x', EventId: 'a', Event: RECORD }), [wrapped]],
    [
      'of Sentinel, text',
      JSON.stringify({ EventTime: 'x', EventId: 'a', Event: CEF }),
      [{ record: CEF, bare: false }],
    ],
    ['of syslog', `<13>1 2026-01-02T03:04:05Z host app - - - ${CEF}`, [{ record: CEF, bare: true }]],
    [
      'of syslog, JSON',
      `<13>1 2026-01-02T03:04:05Z host app - - - ${TEXT}`,
      [{ record: RECORD, bare: true }],
    ],
    ['of nothing', '  ', []],
    ['of an array', '[', []],
    ['of no record', 'hello', []],
  ])('%s', (_name, line, records) => {
    expect(recordsIn(line)).toEqual(records);
  });

  it('is not read in part where it is too large', () => {
    const page = JSON.stringify({
      hits: { hits: Array.from({ length: 60_000 }, () => ({ _source: RECORD })) },
    });
    expect(recordsIn(page)).toEqual([]);
  });

  it('does not go down without end', () => {
    let line: unknown = RECORD;
    for (let depth = 0; depth < 30; depth += 1) line = { _source: line };
    expect(recordsIn(JSON.stringify(line))).toEqual([]);
  });
});

it('lines are found whatever blocks they come in', async () => {
  const text = 'one\r\ntwo\n\nlast';
  for (const size of [1, 3, 100]) {
    const blocks = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      Buffer.from(text.slice(at * size, at * size + size)),
    );
    const lines = [];
    for await (const { number, text: line } of linesOf(Readable.from(blocks))) lines.push([number, line]);
    expect(lines).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, ''],
      [4, 'last'],
    ]);
  }
});
