import type { Log } from '../../src/model/log.ts';
import type { Life } from './life.ts';

/** A log that hands each line on as JSON text, as the operator would see it. */
export function createLogs(
  logged: (line: string) => void,
  life: Life,
  bindings: Record<string, unknown> = {},
): Log {
  const write = (level: string) => (fields: object, text: string) => {
    if (!life.dead()) logged(JSON.stringify({ level, ...bindings, ...fields, msg: text }));
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (more) => createLogs(logged, life, { ...bindings, ...more }),
  };
}
