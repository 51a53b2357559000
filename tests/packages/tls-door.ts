import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';

import type { Certificates } from '../receivers/certificates.ts';

/** TLS with the certificate of localhost, before something on loopback that speaks none. */
export async function openTlsDoor(
  certificates: Certificates,
  port: number,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { certFile, keyFile } = certificates.server;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const server = createServer(pair, (outer) => {
    const inner = connect(port, '127.0.0.1');
    keep(outer);
    keep(inner);
    outer.pipe(inner).pipe(outer);
  });
  // A peer that does not know our authority breaks the handshake off: that is what some tests want.
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
