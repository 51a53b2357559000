import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { startTelemetry } from '../../src/admin/telemetry.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { span } from '../../src/model/trace.ts';

interface Exported {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
}

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const options = { version: '1.2.3', warn: () => {} };

afterEach(() => {
  delete process.env[ENDPOINT];
});

describe('traces', () => {
  it('go nowhere unless the environment asks for them', async () => {
    expect((await startTelemetry({}, options)).exporting).toBe(false);
    expect(
      (await startTelemetry({ [ENDPOINT]: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' }, options))
        .exporting,
    ).toBe(false);
    expect(
      (await startTelemetry({ [ENDPOINT]: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' }, options))
        .exporting,
    ).toBe(false);
    await expect(span('poll', {}, async () => 7)).resolves.toBe(7);
    await expect(span('poll', {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('reach a collector, with parents across awaits and failures by kind alone', async () => {
    const bodies: string[] = [];
    const collector = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        bodies.push(Buffer.concat(parts).toString());
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    // The exporter reads the environment of the process itself.
    process.env[ENDPOINT] = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
    const telemetry = await startTelemetry(process.env, options);
    expect(telemetry.exporting).toBe(true);
    await span('poll', { source: 'platform' }, async (poll) => {
      await Promise.resolve();
      await span('window', {}, async () => {
        await new Promise(setImmediate);
        throw new ForwardError('denied', 'the key cq_secret is not valid');
      }).catch(() => {});
      poll.note({ events: 3 });
    });
    await telemetry.shutdown();
    await new Promise((resolve) => collector.close(resolve));

    expect(bodies.join('')).not.toContain('cq_secret');
    const spans = bodies.flatMap((body) => spansOf(body));
    const poll = spans.find(({ name }) => name === 'poll');
    const window = spans.find(({ name }) => name === 'window');
    expect(window?.parentSpanId).toBe(poll?.spanId);
    expect(window?.attributes).toContainEqual({ key: 'error.type', value: { stringValue: 'denied' } });
    expect(poll?.attributes).toContainEqual({ key: 'events', value: { intValue: 3 } });
    expect(bodies.join('')).toContain('"auditferry"');
  });
});

function spansOf(body: string): Exported[] {
  const document = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Exported[] }[] }[] };
  return document.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
