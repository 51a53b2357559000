import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { wallClock } from '../../src/model/clock.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Sink, SinkContext } from '../../src/sinks/sink.ts';
import { createStdoutSink } from '../../src/sinks/stdout.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';

const context: SinkContext = {
  name: 'out',
  warn: () => undefined,
  clock: wallClock,
  forwarderVersion: '0.0.0',
};

/** A reader that takes what is written only while it is open. */
function makeReader() {
  const state = { text: '', open: true, broken: false, writes: 0 };
  let release = (): void => undefined;
  const stream = new Writable({
    highWaterMark: 16,
    write: (bytes: Buffer, _encoding, done) => {
      state.writes += 1;
      if (state.broken) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      const take = (): void => {
        state.text += bytes.toString();
        done();
      };
      if (state.open) take();
      else release = take;
    },
  });
  return { state, stream, resume: () => release() };
}

function ids(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { event_id: string }).event_id);
}

async function failureOf(sink: Sink): Promise<ForwardError> {
  const sending = sink.send({ items: makeItems(1), attempt: 1 }, new AbortController().signal);
  const error: unknown = await sending.catch((reason: unknown) => reason);
  if (!(error instanceof ForwardError)) throw new Error('it did not fail');
  return error;
}

const NOBODY = 'nobody answers on standard output';

sinkContract({
  name: 'stdout',
  open: async (sinkContext) => {
    const reader = makeReader();
    const sink = createStdoutSink(sinkContext, () => reader.stream);
    return {
      sink,
      delivered: () => ids(reader.state.text),
      receivedBody: (id) => reader.state.text.split('\n').find((line) => line.includes(`"event_id":"${id}"`)),
      arm: () => void (reader.state.open = false),
      heal: () => {
        reader.state.open = true;
        reader.resume();
      },
      hits: () => reader.state.writes,
      secretTexts: [],
      close: () => sink.close(),
    };
  },
  unsupported: {
    partial: NOBODY,
    poison: NOBODY,
    unauthorized: NOBODY,
    too_large: NOBODY,
    throttled_seconds: NOBODY,
    throttled_date: NOBODY,
    server_error: NOBODY,
    accept_and_close: NOBODY,
    reset_before_body: 'a reader that left does not come back, see the tests of EPIPE',
    reset_after_body: 'a reader that left does not come back, see the tests of EPIPE',
    truncated_answer: NOBODY,
    html_answer: NOBODY,
  },
});

describe('the stdout sink', () => {
  it('waits for a slow reader, and other work goes on meanwhile', async () => {
    const reader = makeReader();
    reader.state.open = false;
    const sink = createStdoutSink(context, () => reader.stream);
    const seen: string[] = [];
    const sending = sink
      .send({ items: makeItems(3), attempt: 1 }, new AbortController().signal)
      .then(() => seen.push('sent'));
    await new Promise((resolve) => setImmediate(resolve));
    seen.push('other work');
    reader.resume();
    await sending;
    expect(seen).toEqual(['other work', 'sent']);
  });

  it('never mixes the lines of two batches', async () => {
    const reader = makeReader();
    const sink = createStdoutSink(context, () => reader.stream);
    const { signal } = new AbortController();
    const batches = [1, 101, 201].map((first) => makeItems(50, {}, first));
    await Promise.all(batches.map((items) => sink.send({ items, attempt: 1 }, signal)));
    expect(ids(reader.state.text)).toEqual(batches.flat().map((item) => item.canonical.id));
  });

  it('is denied once the reader has left, and stays so without ending the program', async () => {
    const reader = makeReader();
    const sink = createStdoutSink(context, () => reader.stream);
    reader.state.broken = true;
    for (const _ of [1, 2]) {
      const error = await failureOf(sink);
      expect(error).toMatchObject({ kind: 'denied', ambiguous: true, lasting: true });
      expect(error.hint).toContain('reader');
    }
    const report = await sink.check(new AbortController().signal);
    expect(report.items[0]).toMatchObject({ outcome: 'fail' });
  });

  it('writes one line for an event whatever its body holds', async () => {
    const reader = makeReader();
    const sink = createStdoutSink(context, () => reader.stream);
    const item = makeItem(1, { body: '{"event_id":"a"}\r\n{"event_id":"forged"}' });
    await sink.send({ items: [item], attempt: 1 }, new AbortController().signal);
    expect(reader.state.text.split('\n')).toHaveLength(2);
  });

  it('does not stop the program on a real pipe that nobody reads', async () => {
    const script = `
      import { createStdoutSink } from './src/sinks/stdout.ts';
      const sink = createStdoutSink({ name: 'out', warn() {}, forwarderVersion: '0' });
      const body = 'x'.repeat(1000000);
      const item = { body, kind: 'text' };
      const sending = sink.send({ items: [item], attempt: 1 }, new AbortController().signal);
      setTimeout(() => process.stderr.write('alive'), 20);
      await sending;
      process.stderr.write('done');
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' });
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
    await once(child.stderr, 'data');
    expect(said).toBe('alive');
    let size = 0;
    child.stdout.on('data', (bytes: Buffer) => (size += bytes.length));
    await once(child, 'close');
    expect([size, said]).toEqual([1_000_001, 'alivedone']);
  });
});
