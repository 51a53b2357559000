import { join } from 'node:path';

import { accepts, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import { RECEIVERS_FOLDER } from './receivers.ts';

export interface VictoriaLogs {
  readonly url: string;
  /** Rows that a query finds, as it shows them. */
  ask(query: string): Promise<readonly Readonly<Record<string, string>>[]>;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 30_000;

/** With its own defaults, so that its limits are those of the documentation. */
export async function startVictoriaLogs(): Promise<VictoriaLogs> {
  const folder = runFolder('victorialogs');
  const { http } = await freePorts('http');
  const running = await startProgram({
    command: join(RECEIVERS_FOLDER, 'victoria-logs'),
    args: [`-httpListenAddr=127.0.0.1:${http}`, `-storageDataPath=${join(folder, 'data')}`],
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: () => accepts(http),
  });
  const url = `http://127.0.0.1:${http}`;
  return {
    url,
    ask: async (query) => {
      // What was taken a moment ago is found only once it is flushed.
      await fetch(`${url}/internal/force_flush`);
      const answer = await fetch(`${url}/select/logsql/query`, {
        method: 'POST',
        body: new URLSearchParams({ query, limit: '10000' }),
      });
      if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
      const lines = (await answer.text()).split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as Record<string, string>);
    },
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}
