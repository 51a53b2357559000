import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Keeps a server open to new clients however many others hang: above the limit the connection that has waited longest without a request
 * makes room, or, where all have one, the one whose request is oldest. A client that asks for more before it has its answer is let go: no
 * browser does that, and a thousand requests on one connection would be worked off at once.
 */
export function limitConnections(server: Server, limit: number): void {
  // Both in the order of time.
  const waiting = new Set<Socket>();
  const busy = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    waiting.add(socket);
    socket.once('close', () => {
      waiting.delete(socket);
      busy.delete(socket);
    });
    if (waiting.size + busy.size <= limit) return;
    const [longest = socket] = waiting.size > 1 ? waiting : busy;
    longest.destroy();
  });
  server.prependListener('request', ({ socket }: { readonly socket: Socket }, response: ServerResponse) => {
    if (busy.has(socket)) {
      socket.destroy();
      return;
    }
    waiting.delete(socket);
    busy.add(socket);
    response.once('close', () => {
      if (busy.delete(socket) && !socket.destroyed) waiting.add(socket);
    });
  });
}
