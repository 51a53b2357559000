import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';

import { isTooLarge } from '../../src/net/http.ts';
import { exchange, failure, plain, useBench } from './bench.ts';

useBench();

const TEXT = JSON.stringify({ text: 'Success', code: 0, padding: 'x'.repeat(5000) });

async function answering(encoding: string | string[], body: Buffer, status = 200): Promise<string> {
  const { url } = await plain((_request, response) => {
    response.statusCode = status;
    response.setHeader('content-encoding', encoding).setHeader('content-length', body.length).end(body);
  });
  return url;
}

describe('an answer that is compressed although nobody asked for it', () => {
  it('is asked for without compression', async () => {
    const { url } = await plain((request, response) => void response.end(request.headers['accept-encoding']));
    expect((await exchange(url)).body.toString()).toBe('identity');
  });

  test.each<[string | string[], Buffer]>([
    ['gzip', gzipSync(TEXT)],
    ['X-GZip', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['deflate', deflateRawSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
    ['identity', Buffer.from(TEXT)],
    ['', Buffer.from(TEXT)],
    ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
    [['br', 'identity', 'gzip'], gzipSync(brotliCompressSync(TEXT))],
  ])('is read all the same: %j', async (encoding, body) => {
    const answer = await exchange(await answering(encoding, body));
    expect(answer.body.toString()).toBe(TEXT);
    expect(answer.headers['content-encoding']).toBeUndefined();
  });

  it('may have no body, whatever its headers say', async () => {
    expect((await exchange(await answering('gzip', Buffer.alloc(0)))).body).toHaveLength(0);
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(20_000_000))],
    ['br', brotliCompressSync(Buffer.alloc(20_000_000))],
    ['deflate', deflateSync(Buffer.alloc(20_000_000))],
    ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(20_000_000)))],
  ])('meets the limit once it is decoded: %s', async (encoding, bomb) => {
    const url = await answering(encoding, bomb);
    const error = await failure(exchange(url, { maxResponseBytes: 1_000_000 }));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
    expect(isTooLarge(error)).toBe(true);
  });

  test.each<[string, Buffer, RegExp]>([
    ['zstd', Buffer.from('whatever'), /answered 200 .*content coding "zstd"/],
    ['gzip, snappy', gzipSync(TEXT), /content coding "snappy"/],
    ['a\tb'.repeat(50), Buffer.from('x'), /content coding "a b/],
    ['gzip,gzip,gzip,gzip', gzipSync(TEXT), /4 content codings/],
    ['gzip', gzipSync(TEXT).subarray(0, 20), /cut short or damaged/],
    ['deflate', deflateSync(TEXT).subarray(0, 20), /cut short or damaged/],
    ['br', brotliCompressSync(TEXT).subarray(0, 20), /cut short or damaged/],
    ['gzip', Buffer.from(TEXT), /cut short or damaged/],
    ['br, gzip', gzipSync(TEXT), /cut short or damaged/],
  ])('is an error when it cannot be read: %j', async (encoding, body, message) => {
    const error = await failure(exchange(await answering(encoding, body)));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
    expect(error.message).toMatch(message);
    expect(error.hint).toBeDefined();
  });
});
