import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import { health } from '../../src/cli/health.ts';
import { FILE_SINK, fakeTerminal, rooms } from './room.ts';
import type { Room } from './room.ts';

const room = rooms();

/** Something that listens where the daemon should, and answers everything alike. */
async function listener(
  here: Room,
  status: number,
  body: string,
): Promise<{ config: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization ?? ''}`);
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  here.atEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  const admin = `admin: { listen: '0.0.0.0:${port}', token: the-token-of-the-page, allowed_hosts: [ferry] }`;
  return { config: here.config(FILE_SINK, admin), asked };
}

async function ask(config: string, json?: true): Promise<{ code: number; text: string }> {
  const terminal = fakeTerminal();
  const code = await health({ config, ...(json === undefined ? {} : { json }) }, terminal);
  return { code, text: terminal.printed.out };
}

describe('health', () => {
  it('asks at the port of the configuration, on this machine, and says that all is well', async () => {
    const { config, asked } = await listener(room(), 200, '{"status":"ok","reasons":[]}');
    expect(await ask(config)).toEqual({ code: 0, text: 'healthy: every loop turns\n' });
    expect(asked).toEqual(['/healthz Bearer the-token-of-the-page']);
  });

  it('fails with the reasons, which cannot move the cursor', async () => {
    const reasons = [
      { part: 'platform', text: 'stuck\u001b[2J' },
      { part: 'archive', text: 'stuck' },
    ];
    const { config } = await listener(room(), 503, JSON.stringify({ status: 'failing', reasons }));
    const { code, text } = await ask(config);
    expect(code).toBe(1);
    expect(text).toMatch(/^platform: stuck.*; archive: stuck\n$/);
    expect(text).not.toContain('\u001b');
    const document = await ask(config, true);
    expect(JSON.parse(document.text)).toEqual({
      ok: false,
      text: 'platform: stuck\u001b[2J; archive: stuck',
    });
  });

  it.each([
    [200, '<html>a sign-in page</html>'],
    [200, 'null'],
    [200, '{"reasons":"many"}'],
    [200, '{"reasons":[null]}'],
    [404, '{"reasons":[]}'],
  ])('does not take an answer %s %s of something else for health', async (status, body) => {
    const { config } = await listener(room(), status, body);
    const { code, text } = await ask(config);
    expect(code).toBe(1);
    expect(text).toMatch(new RegExp(`/healthz answered ${status}, not as an auditferry does`));
  });

  it('fails when nobody answers', async () => {
    const config = room().config(FILE_SINK, "admin: { listen: '127.0.0.1:9' }");
    const { code, text } = await ask(config);
    expect(code).toBe(1);
    expect(text).toMatch(/^no daemon answers: .*127\.0\.0\.1:9/);
  });

  it('with the listener off, looks whether a daemon holds the state directory', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    expect(await ask(config)).toEqual({
      code: 1,
      text: expect.stringMatching(/^no daemon runs on /) as unknown,
    });
    await here.writer();
    expect(await ask(config)).toEqual({
      code: 0,
      text: expect.stringMatching(/^a daemon runs \(.*admin\.listen is off/) as unknown,
    });
  });
});
