import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

import { accepts, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import { RECEIVERS_FOLDER } from './receivers.ts';
import { S3_BUCKET, S3_KEYS } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const START_LIMIT_MS = 30_000;

/** In Go, with a folder for each bucket and a file for each object. It checks every signature. */
export async function startVersitygw(): Promise<S3Server> {
  const folder = runFolder('versitygw');
  const [buckets, about] = [join(folder, 'buckets'), join(folder, 'about')];
  const bucket = join(buckets, S3_BUCKET);
  for (const made of [bucket, about]) mkdirSync(made, { recursive: true });
  const { http } = await freePorts('http');
  const running = await startProgram({
    command: join(RECEIVERS_FOLDER, 'versitygw'),
    args: ['--port', `127.0.0.1:${http}`, '--region', 'us-east-1', 'posix', '--sidecar', about, buckets],
    env: { ROOT_ACCESS_KEY: S3_KEYS.id, ROOT_SECRET_KEY: S3_KEYS.secret },
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: () => accepts(http),
  });
  return {
    url: `http://127.0.0.1:${http}`,
    names: async (prefix) => {
      const below = readdirSync(bucket, { recursive: true, encoding: 'utf8' });
      const files = below.filter(
        (name) => existsSync(join(bucket, name)) && statSync(join(bucket, name)).isFile(),
      );
      const names = files.map((name) => relative(bucket, join(bucket, name)));
      return names.filter((name) => name.startsWith(prefix)).toSorted();
    },
    read: async (name) => readFileSync(join(bucket, name)),
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}
