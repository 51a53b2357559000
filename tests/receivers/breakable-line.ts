import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A line to a server that can be cut, frozen, or left hanging: what a network does to those who use it. */
export interface BreakableLine {
  readonly port: number;
  /** How much clients have sent so far. */
  bytes(): number;
  /** Ends every connection on both sides; new ones are let through. */
  cut(): void;
  /** Lets nothing through, in neither direction, and nobody know: what is sent meanwhile arrives after `thaw`. */
  freeze(): void;
  thaw(): void;
  /** From now on: the server does not learn that a client is gone, as when a machine loses its power. Until `thaw`. */
  hideEnds(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export async function openLine(serverPort: number): Promise<BreakableLine> {
  const pairs = new Set<Pair>();
  let isFrozen = false;
  let hides = false;
  let sent = 0;
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ host: '127.0.0.1', port: serverPort, allowHalfOpen: true });
    const pair = { client, server };
    pairs.add(pair);
    const end = (): void => {
      client.destroy();
      if (hides) return; // and the other side keeps waiting for it
      server.destroy();
      pairs.delete(pair);
    };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('data', (bytes) => {
        if (from === client) sent += bytes.length;
        if (!to.destroyed && !to.write(bytes)) from.pause();
      });
      to.on('drain', () => {
        if (!isFrozen) from.resume();
      });
      from.on('error', () => {}); // its end follows
      from.on('end', end);
      from.on('close', end);
    }
    if (isFrozen) stop(pair);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    hides = false;
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
    pairs.clear();
  };
  return {
    port: (listener.address() as AddressInfo).port,
    bytes: () => sent,
    cut,
    freeze() {
      isFrozen = true;
      for (const pair of pairs) stop(pair);
    },
    thaw() {
      isFrozen = false;
      hides = false;
      for (const pair of [...pairs]) {
        if (pair.client.destroyed) {
          pair.server.destroy();
          pairs.delete(pair);
        } else {
          pair.client.resume();
          pair.server.resume();
        }
      }
    },
    hideEnds() {
      hides = true;
    },
    async close() {
      cut();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

function stop({ client, server }: Pair): void {
  client.pause();
  server.pause();
}
