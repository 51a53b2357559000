import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  /** Connections at once. */
  readonly connections: number;
  /** Of those, with a request under way or an answer that is not taken yet. */
  readonly requests: number;
  /** What a new connection gets to send its request before it may have to make room. Milliseconds. */
  readonly graceMs: number;
}

/**
 * Keeps a server open to new clients however many others hang. Above a limit the one that has hung longest makes room; where all are new,
 * as in a storm of connections, it is the newest that goes. A client that asks for more before it has its answer is let go: no browser does
 * that, and a thousand requests on one connection would be worked off at once.
 */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  /** Connections without a request, and since when; and those with one. Both in the order of time. */
  const waiting = new Map<Socket, number>();
  const busy = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.once('close', () => {
      waiting.delete(socket);
      busy.delete(socket);
    });
    if (waiting.size + busy.size >= limits.connections) {
      const [longest] = waiting;
      const isLong = longest !== undefined && longest[1] + limits.graceMs <= performance.now();
      (isLong ? longest[0] : socket).destroy();
    }
    if (!socket.destroyed) waiting.set(socket, performance.now());
  });
  server.prependListener('request', ({ socket }: { readonly socket: Socket }, response: ServerResponse) => {
    if (busy.has(socket)) {
      socket.destroy();
      return;
    }
    waiting.delete(socket);
    busy.add(socket);
    const [oldest = socket] = busy;
    if (busy.size > limits.requests) oldest.destroy();
    response.once('close', () => {
      if (busy.delete(socket) && !socket.destroyed) waiting.set(socket, performance.now());
    });
  });
}
