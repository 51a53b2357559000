import type { Checker, Fail } from './checker.ts';

/** Promise 5: the chain over the journal's events verifies after all that happened. */
export function chainHolds(fail: Fail): Checker {
  return {
    name: 'chain',
    async atRest(journal) {
      const report = await journal.verifyChain(new AbortController().signal);
      if (!report.intact)
        fail(`the chain is broken: ${JSON.stringify(report.brokenAt?.reason ?? report.missing.length)}`);
    },
  };
}
