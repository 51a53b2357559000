import { expect, it } from 'vitest';

import * as product from './product.ts';
import { report } from './report.ts';
import { DAY, HOUR, MINUTE } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { createStates } from './states.ts';
import { simulate } from './world.ts';

/**
 * A month of a bad Platform: 0.05 % of the rows up to three hours late, several rows drifting in with each page read, ties
 * shuffled, a purge running behind, and a fifth of all requests failing. The checkers are those of the seeds.
 */
const month: Scenario = {
  seed: 20_260_101,
  classes: ['late rows', 'drift', 'shuffled order', 'purge', 'source faults'],
  platform: {
    api_key: 'platform-key-0',
    seed: 20_260_101,
    history: 2 * HOUR,
    rate: 0.4,
    details_bytes: 0,
    order: 'shuffled_ties',
    precision: 'ms',
    filter_precision: 'ms',
    late: { share: 0.0005, up_to: 3 * HOUR },
    drift: 3,
    retention: 20 * DAY,
    live_users: false,
    faults: { share: 0.2, kinds: ['500', '502', '503', '429', 'reset', 'truncate', 'hang'] },
  },
  totalsCap: Infinity,
  overlapMs: 10 * MINUTE,
  horizonMs: 30 * DAY,
  pollMs: 30 * MINUTE,
  heartbeatMs: 6 * HOUR,
  sourceConcurrent: 1,
  sourceOnly: '',
  brokenConnections: 0,
  platformLatencyMs: 400,
  maxBytes: 2 ** 31,
  retentionMs: 7 * DAY,
  sinks: [
    {
      name: 'sink0',
      concurrent: 2,
      maxEvents: 500,
      maxBytes: 1_048_576,
      maxWaitMs: 1000,
      rateLimit: null,
      idempotent: false,
      only: '',
      latencyMs: 50,
      loseRequest: 0.1,
      loseResponse: 0.1,
      partial: 0,
      tooMany: 0,
      serverError: 0,
      oddError: 0,
      poison: 0,
      unrenderable: 0,
    },
  ],
  faultMs: 30 * DAY,
  plans: [],
  driftingRequests: 6000,
  stepsLimit: 5_000_000,
  drainStepsLimit: 5_000_000,
  lookEveryPolls: 100,
};

it('thirty days of a bad Platform: nothing lost, nothing twice', async () => {
  const states = createStates();
  const outcome = await simulate(month, product, states);
  const figures = {
    events: outcome.events,
    requests: outcome.requests,
    requests_per_event: Number((outcome.requests / outcome.events).toFixed(2)),
    requests_per_day: Math.round(outcome.requests / 30),
    late_rows_by_reconcile: states.counts().get('late row by reconcile'),
  };
  report(`thirty days: ${JSON.stringify(figures)}`);
  expect(outcome.events).toBeGreaterThan(10_000);
  expect(states.counts().get('row purged on the Platform')).toBeGreaterThan(0);
});
