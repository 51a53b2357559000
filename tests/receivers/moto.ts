import { join } from 'node:path';

import { accepts, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import { RECEIVERS_FOLDER } from './receivers.ts';

export interface Moto {
  readonly url: string;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 60_000;

/** An S3 server that others wrote, in Python, with one bucket in it. It looks at no signature. */
export async function startMoto(bucket: string): Promise<Moto> {
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
  const made = await fetch(`${url}/${bucket}`, { method: 'PUT', headers: { authorization: SOME_SIGNATURE } });
  if (made.status !== 200) throw new Error(`moto made no bucket: ${made.status} ${await made.text()}`);
  return {
    url,
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}

/** Names the service and the region; moto reads no more of it. */
export const SOME_SIGNATURE =
  'AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
