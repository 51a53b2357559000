import type { Writable } from 'node:stream';

import { describe, ForwardError } from '../model/errors.ts';
import { withinRate } from './request-limit.ts';
import type { Batch, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

export type StdoutOptions = Readonly<Record<string, never>>;

export const stdoutSink: SinkDefinition<StdoutOptions> = {
  type: 'stdout',
  schema: { description: 'Writes events to standard output, one line each.', properties: {} },
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 1000, maxBytes: 1024 * 1024, maxWaitMs: 200 },
  create: (_options, context) => createStdoutSink(context),
};

/**
 * `openStream` is for tests. The stream is opened at the first send, and never ended: it is not ours alone. A pipe that nobody reads keeps
 * what was written to it in memory: one batch per lane.
 */
export function createStdoutSink(
  context: SinkContext,
  openStream: () => Writable = () => process.stdout,
): Sink {
  let stream: Writable | null = null;
  let broken: Error | null = null;
  const noteError = (error: Error): void => {
    broken ??= error; // each write has its own callback; this keeps an error between writes from ending the program
  };
  const take = (): Writable => {
    if (stream === null) {
      stream = openStream();
      stream.on('error', noteError);
    }
    return stream;
  };
  return {
    delivery: 'sent',
    send: async (batch, signal) => {
      signal.throwIfAborted();
      if (batch.items.length === 0) return { fates: [] };
      return withinRate(
        context,
        () => {
          const target = take();
          if (broken !== null) throw failure(broken);
          return write(target, batch, signal);
        },
        signal,
      );
    },
    check: async () => ({
      items: [
        broken === null
          ? { name: 'writable', outcome: 'ok', finding: `standard output of ${context.name} is open` }
          : { name: 'writable', outcome: 'fail', finding: describe(broken) },
      ],
    }),
    close: async () => {
      stream?.off('error', noteError);
      stream?.on('error', () => {}); // a reader that leaves after us is not our failure
      stream = null;
    },
  };
}

/** One write per batch: lines of two batches never mix. Resolves once the stream has passed all of it on. */
async function write(stream: Writable, batch: Batch, signal: AbortSignal): Promise<Receipt> {
  const text = batch.items.map(({ body }) => `${body.replace(/[\r\n]+/g, ' ')}\n`).join('');
  const done = Promise.withResolvers<void>();
  const stop = (): void => done.reject(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    stream.write(text, (error) => (error == null ? done.resolve() : done.reject(failure(error))));
    await done.promise;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return { fates: batch.items.map(() => ({ outcome: 'delivered' })) };
}

function failure(error: Error): ForwardError {
  const code = (error as { code?: unknown }).code;
  if (code === 'ENOSPC' || code === 'EAGAIN') {
    return new ForwardError('transient', `standard output takes nothing now: ${describe(error)}`, {
      cause: error,
      ambiguous: true,
    });
  }
  return new ForwardError('denied', `standard output is closed: ${describe(error)}`, {
    cause: error,
    ambiguous: true,
    lasting: true, // a pipe without a reader gets no other one
    hint: 'start the program again with a reader that stays, or write to a file',
  });
}
