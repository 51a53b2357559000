import type { Line } from '../../../src/records/export-lines.ts';
import type { Facts } from '../facts.ts';
import type { Product } from '../life.ts';
import type { Checker, Fail } from './checker.ts';

/**
 * What a receiver holds is what the heartbeats there say, judged from it alone: whatever crashed, was sent twice, refused, tried again or
 * left out, nothing of it looks as if somebody had deleted, changed, moved or added a record.
 */
export function heartbeats(facts: Facts, product: Product, fail: Fail): Checker {
  return {
    name: 'heartbeats',
    async atRest() {
      for (const [sink, { records, scenario }] of facts.receivers) {
        const table = product.openRecordTable();
        try {
          const { unsealed, streams } = await product.proveRecords(linesOf(records), null, table);
          const [proof, ...others] = streams;
          if (facts.scenario.heartbeatMs === 0) {
            if (proof !== undefined) fail(`${sink} got heartbeats that nobody asked for`);
            continue;
          }
          if (unsealed > 0) fail(`${sink} got ${unsealed} records without a seal`);
          if (proof === undefined) continue;
          if (others.length > 0) fail(`${sink} holds ${streams.length} streams`);
          const wrong = [
            ...Object.entries({
              deleted: proof.deleted,
              changed: proof.changed,
              reordered: proof.reordered,
              added: proof.added,
            }).flatMap(([what, { total, runs }]) =>
              total === 0 ? [] : [`${what}: ${JSON.stringify(runs)}`],
            ),
            ...proof.forged.map(({ seqs }) => `forged: ${seqs}`),
            ...proof.faults,
            ...proof.unproven.map((seqs) => `sent without a seal: ${seqs}`),
          ];
          if (wrong.length > 0) fail(`${sink}: ${wrong.join('; ')}`);
          if (scenario.idempotent && proof.repeated.total > 0)
            fail(`${sink} has ${proof.repeated.total} records twice`);
        } finally {
          table.close();
        }
      }
    },
  };
}

function* linesOf(records: readonly string[]): Generator<Line> {
  for (const [index, text] of records.entries()) yield { number: index + 1, text };
}
