import { describe, expect, it } from 'vitest';

import { folded, table } from '../../src/cli/verify/html.ts';
import { redactionOf, redactionSentence } from '../../src/cli/verify/redaction.ts';
import { verifyText } from '../../src/cli/verify/text.ts';
import type { Config } from '../../src/config/config.ts';
import type { VerifyResult } from '../../src/pipeline/verify/result.ts';

describe('the report', () => {
  it('folds a long list away, under its title', () => {
    expect(folded('Missing: 21', 21, 'rows')).toBe(
      '<details><summary>Missing: 21</summary>\nrows\n</details>',
    );
    expect(folded('Missing: 20', 20, 'rows')).toMatch(/^<details open>/);
  });

  it('lets a keyboard scroll a table that is wider than the page', () => {
    expect(table(['Sink'], [['archive']], [])).toMatch(
      /^<div class="wide" tabindex="0" role="group" aria-label="/,
    );
  });

  it('says what receivers got of an event', () => {
    const config = (normalize: object, formatOptions: object): Config =>
      ({ normalize, sinks: new Map([['archive', { name: 'archive', formatOptions }]]) }) as never;
    expect(redactionSentence(redactionOf(config({}, {})))).toMatch(
      /^what receivers got was redacted: .*left\. /,
    );
    expect(
      redactionSentence(redactionOf(config({ redact: { enabled: true } }, { redact: false }))),
    ).toContain('except in archive, which get events as they are');
    expect(redactionSentence(redactionOf(config({ redact: { enabled: false } }, {})))).toMatch(/^off: /);
  });

  it('puts what is too young beside what is known', () => {
    const buckets = [{ platform: 43_126, journal: 43_078, pending: 48 }];
    const none = { total: 0, named: [] };
    const source = {
      name: 'platform',
      failure: null,
      counts: true,
      missing: none,
      gone: none,
      altered: none,
      noted: none,
      ...{ unshown: [], unread: [], unsure: [], buckets },
      ...{ beforeStart: 0, expired: 0, explained: 0, leftOut: 0, pruned: 0, unreadable: 0 },
    };
    const result = {
      range: { startNs: 0n, endNs: 1n },
      sources: [source],
      sinks: [],
      chain: { intact: true, checked: 0, head: '' },
      verdict: 'complete',
      summary: 'complete',
      reasons: [],
    } as unknown as VerifyResult;
    expect(verifyText(result, { write: () => true })).toContain(
      'ok    source platform: 43,126 events on the Platform, 43,078 known to the journal, 48 too young to judge',
    );
  });

  it('lists the reasons where the first sentence is too long to hold them', () => {
    const reasons = ['a', 'b', 'c', 'd'].map(
      (name) => `sink ${name}: 1 event waiting, held (${name.repeat(590)})`,
    );
    const result = {
      range: { startNs: 0n, endNs: 1n },
      sources: [],
      sinks: [],
      chain: { intact: true, checked: 0, head: '' },
      verdict: 'undelivered',
      summary: `undelivered: ${reasons.join('; ')}.`,
      reasons,
    } as unknown as VerifyResult;
    expect(verifyText(result, { write: () => true }).join('\n')).toContain('d'.repeat(590));
  });
});
