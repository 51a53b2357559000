import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { inspect } from 'node:util';

import { expect, it } from 'vitest';

import { connect } from '../../../src/checkpoint/postgres/connect.ts';
import { Secret } from '../../../src/model/secret.ts';

/** AuthenticationOk and ReadyForQuery: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const WELCOME = Buffer.from('5200000008000000005a0000000549', 'hex');

it('waits for a server that lets it in and then falls silent no longer than for a connection', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.once('data', () => socket.write(WELCOME));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  try {
    const url = `postgres://ferry:word@127.0.0.1:${port}/journal?sslmode=disable&connect_timeout=1`;
    await expect(connect(Secret.of(url), {}, 'db', () => {})).rejects.toMatchObject({
      kind: 'transient',
      message: 'the database db cannot be reached: Query read timeout',
      hint: expect.stringContaining('state.url') as string,
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** ErrorResponse, as a pooler may answer that quotes what it refuses. */
function refusal(words: string): Buffer {
  const body = Buffer.from(`SFATAL\0C28P01\0M${words}\0\0`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from('E'), length, body]);
}

it.each([(text: string) => text, (text: string) => Buffer.from(text).toString('base64')])(
  'shows nothing of a password that is quoted to it',
  async (write) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(refusal(`no ${write('q7Xk2Vw9Zr4Tn8Bp')} here`)));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    try {
      const url = `postgres://ferry:q7Xk2Vw9Zr4Tn8Bp@127.0.0.1:${port}/journal?sslmode=disable`;
      const thrown: unknown = await connect(Secret.of(url), {}, 'db', () => {}).catch(
        (error: unknown) => error,
      );
      expect(thrown).toMatchObject({
        kind: 'denied',
        message: expect.stringMatching(/^the database db refuses the login: no \[secret\]/) as string,
        hint: expect.stringContaining('state.url') as string,
      });
      expect(inspect(thrown, { depth: 9 })).not.toContain(write('q7Xk2Vw9Zr4Tn8Bp'));
    } finally {
      server.close();
    }
  },
);
