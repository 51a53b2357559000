import { expect, it } from 'vitest';

import { openLog } from '../../src/cli/log.ts';

it('leaves out of a line for people what only programs read', () => {
  const written: string[] = [];
  const stream = { isTTY: true, write: (text: string) => void written.push(text) };
  const log = openLog({ level: 'info', format: 'auto' }, stream);
  log.info({ verdict: 'complete', undelivered: {}, dead_letters: { hook: 3 }, kinds: ['a'] }, 'caught up');
  expect(written.join('')).toMatch(/ {2}auditferry {2}caught up {2}\(verdict complete, kinds \["a"\]\)\n$/);
});
