import { join } from 'node:path';

import { accepts, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import { RECEIVERS_FOLDER } from './receivers.ts';
import { S3_BUCKET } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const START_LIMIT_MS = 60_000;

/** In Python. It looks at no signature. */
export async function startMoto(): Promise<S3Server> {
  const folder = runFolder('moto');
  const { http } = await freePorts('http');
  const running = await startProgram({
    command: join(RECEIVERS_FOLDER, 'moto/bin/moto_server'),
    args: ['-H', '127.0.0.1', '-p', String(http)],
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: () => accepts(http),
  });
  const url = `http://127.0.0.1:${http}`;
  const headers = { authorization: SOME_SIGNATURE };
  const made = await fetch(`${url}/${S3_BUCKET}`, { method: 'PUT', headers });
  if (made.status !== 200) throw new Error(`moto made no bucket: ${made.status} ${await made.text()}`);
  return {
    url,
    names: async (prefix) => {
      const answer = await fetch(`${url}/${S3_BUCKET}?list-type=2&prefix=${encodeURIComponent(prefix)}`);
      const found = (await answer.text()).matchAll(/<Key>([^<]*)<\/Key>/g);
      return [...found].map(([, name = '']) => name);
    },
    read: async (name) => {
      const path = name.split('/').map(encodeURIComponent).join('/');
      const answer = await fetch(`${url}/${S3_BUCKET}/${path}`, { headers });
      return Buffer.from(await answer.arrayBuffer());
    },
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}

/** Names the service and the region; moto reads no more of it. */
const SOME_SIGNATURE =
  'AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
