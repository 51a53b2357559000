import type { DeadLetter } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import { silentLog } from '../../model/log.ts';
import { createPrepare } from '../../pipeline/prepare.ts';
import { buildParts } from '../build-parts.ts';

export interface SentRendering {
  readonly format: string;
  readonly kind: 'json' | 'text';
  readonly body: string;
}

/**
 * The event of a dead letter as its sink would send it now, through today's mapping, however old it is and whatever `where` says. Null for an
 * item that is no event, and where the sink has left the configuration or cannot render it: then that is the reason.
 */
export async function renderingOf(letter: DeadLetter, config: Config): Promise<SentRendering | null> {
  if (letter.side !== 'sink' || letter.event === null) return null;
  const parts = await buildParts(config, silentLog);
  try {
    const part = parts.sinks.get(letter.owner);
    if (part === undefined) return null;
    const prepare = createPrepare(parts.canonicalize, part.format, part.where, parts.originOf);
    const prepared = prepare(letter.event, { evenFiltered: true });
    if (prepared.kind !== 'item') return null;
    const { body, kind } = prepared.item;
    return { format: config.sinks.get(letter.owner)?.format ?? part.format.name, kind, body };
  } finally {
    await parts.close();
  }
}
