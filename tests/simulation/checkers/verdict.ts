import type { AdminView } from '../../../src/admin/options.ts';
import type { Status } from '../../../src/pipeline/status.ts';
import type { Source } from '../../../src/sources/source.ts';
import { simulatedClock } from '../../fakes/simulated-time.ts';
import type { Facts } from '../facts.ts';
import type { Product } from '../life.ts';
import type { Checker, Fail } from './checker.ts';

/** The daemon of the moment, as the admin listener sees it. */
export interface Seen {
  readonly daemon: { readonly status: Status };
  readonly source: Source;
}

/** Findings by which nothing is missing. */
const HARMLESS = new Set(['user_changed', 'shared_id', 'counts_not_credible', 'times_differ', 'stray_row']);

/** Promise 5: what is called complete is, and what is complete is called so. */
export function verdict(facts: Facts, product: Product, seen: () => Seen | null, fail: Fail): Checker {
  return {
    name: 'verdict',
    async atRest(journal) {
      const now = seen();
      if (now === null) return;
      const view = viewOf(facts, now);
      const survey = await product.survey({ journal, clock: simulatedClock(() => 0.5), view: () => view });
      const { verdict: word, summary } = product.liveVerdict(survey);
      const dead = [...facts.dead.values()].some((ids) => ids.size > 0);
      const unread =
        (await journal.deadLetters({ owner: 'platform', states: ['open'], limit: 1 })).length > 0;
      const findings = await journal.findings({ unacknowledgedOnly: true, limit: 1_000 });
      const open = findings.some(({ kind }) => !HARMLESS.has(kind) && kind !== 'pruned_before_delivery');
      const gone = findings.some(({ kind }) => kind === 'pruned_before_delivery');
      const wanted = unread || open ? 'incomplete' : dead || gone ? 'undelivered' : 'complete';
      if (word !== wanted) fail(`it is ${wanted}, and the daemon says ${summary}`);
    },
  };
}

function viewOf({ receivers, scenario }: Facts, { daemon, source }: Seen): AdminView {
  const sink = {
    type: 'memory',
    delivery: 'confirmed' as const,
    format: 'raw',
    batch: { maxEvents: 1, maxBytes: 1, maxWaitMs: 1 },
    concurrent: 1,
    rateLimit: null,
  };
  return {
    status: daemon.status,
    sources: new Map([['platform', { source, nextPollMs: (fromMs: number) => fromMs + scenario.pollMs }]]),
    sinks: new Map([...receivers.keys()].map((name) => [name, sink])),
    effectiveConfig: null,
    formats: [],
    preview: () => ({ text: '', kind: 'text' }),
    understand: () => {
      throw new Error('no event is shown here');
    },
    renderFor: () => null,
    heartbeatMs: null,
  };
}
