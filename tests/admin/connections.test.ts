import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { afterEach, expect, it } from 'vitest';

import { limitConnections } from '../../src/admin/connections.ts';

let server: Server;
const clients: Socket[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.closeAllConnections();
  server.close();
});

/** A server that answers `/` at once and anything else never. */
async function open(graceMs: number): Promise<void> {
  server = createServer((request, response) => {
    if (request.url === '/') response.end('answer');
  });
  limitConnections(server, { connections: 4, requests: 2, graceMs });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
}

/** Connects, says this, and is there for the server when it resolves. */
async function client(text = ''): Promise<Socket> {
  const seen = once(server, text === '' ? 'connection' : 'request');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  clients.push(socket);
  socket.write(text);
  await seen;
  return socket;
}

const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

async function answered(socket: Socket): Promise<boolean> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString().endsWith('answer');
}

it('lets the one go that has waited longest, and answers the new one', async () => {
  await open(0);
  const first = await client();
  const second = await client();
  await client(ask('/slow'));
  await client();
  const gone = once(first, 'close');
  expect(await answered(await client(ask('/')))).toBe(true);
  await gone;
  expect(second.destroyed).toBe(false);
});

it('lets the oldest request go where too many are under way', async () => {
  await open(0);
  const first = await client(ask('/slow'));
  const second = await client(ask('/slow'));
  const gone = once(first, 'close');
  expect(await answered(await client(ask('/')))).toBe(true);
  await gone;
  expect(second.destroyed).toBe(false);
});

it('lets the newest go in a storm, where all are new', async () => {
  await open(60_000);
  const first = await Promise.all([client(), client(), client(), client()]);
  await once(await client(), 'close');
  expect(first.map(({ destroyed }) => destroyed)).toEqual([false, false, false, false]);
});

it('keeps a connection over many requests, one after the other, and not one that asks for more at once', async () => {
  await open(0);
  const socket = await client(ask('/'));
  expect(await answered(socket)).toBe(true);
  socket.write(ask('/'));
  expect(await answered(socket)).toBe(true);
  socket.write(ask('/slow') + ask('/'));
  await once(socket, 'close');
});
