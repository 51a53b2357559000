import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

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
