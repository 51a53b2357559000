import type { Checker, Fail } from './checker.ts';

/** Every key of the simulation begins with one of these. */
const KEYS = /(platform|sink)(-|&#45;)key(-|&#45;)\d/i;

/** No credential in any line for the operator. */
export function secrets(fail: Fail): Checker {
  return {
    name: 'secrets',
    logged(line) {
      if (KEYS.test(line)) fail(`a log line shows a key: ${line}`);
    },
    async atRest(journal) {
      const findings = await journal.findings({ unacknowledgedOnly: false, limit: 1000 });
      if (findings.some((finding) => KEYS.test(finding.summary))) fail('a finding shows a key');
    },
  };
}
