import { describe, expect, it, test } from 'vitest';

import type { Canonicalize, Format, Origin, Outcome, Severity } from '../../src/formats/format.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { createPrepare } from '../../src/pipeline/prepare.ts';
import type { Where } from '../../src/pipeline/prepare.ts';
import { makeItem } from '../contract/items.ts';

const EVENT: AuditEvent = {
  seq: 1n,
  source: 'platform',
  id: 'a',
  createdAt: '',
  original: '{}',
  receivedAt: '',
};
const EVERYTHING: Where = { eventType: [], status: [], severity: 'informational' };
const format: Format = {
  name: 'raw',
  kind: 'text',
  render: (event, origin) => `${event.id} from ${origin.instance}`,
};

function kindOf(
  where: Partial<Where>,
  eventType = 'User.Login',
  outcome: Outcome = 'failure',
  severity: Severity = 'medium',
  evenFiltered = false,
): string {
  const { canonical } = makeItem(1, { eventType });
  const canonicalize: Canonicalize = () => ({ ...canonical, outcome, severity });
  const prepare = createPrepare(canonicalize, format, { ...EVERYTHING, ...where }, () => makeItem(1).origin);
  return prepare(EVENT, { evenFiltered }).kind;
}

describe('what goes on beside the document', () => {
  const { canonical } = makeItem(1);
  const verbatim = `${canonical.id} from ${makeItem(1).origin.instance}`;

  test.each([
    ['bytes that go as they came had nothing taken out', verbatim, { redactions: 0, trimmed: 0 }],
    ['others had what the reading found', 'other', { redactions: 2, trimmed: 3 }],
  ])('%s', (_, text, counts) => {
    for (const wholeEvents of [true, false]) {
      const read: Canonicalize = () => ({ ...canonical, redactions: 2, trimmed: 3, verbatim: text });
      const prepared = createPrepare(read, format, EVERYTHING, () => makeItem(1).origin, { wholeEvents })(
        EVENT,
      );
      expect(prepared).toMatchObject({ item: { canonical: counts } });
    }
  });

  it('reads the texts of an event again when somebody asks for one, and tells the same', () => {
    let reads = 0;
    const read: Canonicalize = () => {
      reads += 1;
      return { ...canonical, details: { a: 1 }, originalText: 'text', verbatim: 'as it came' };
    };
    const prepared = createPrepare(read, format, EVERYTHING, () => makeItem(1).origin)(EVENT);
    if (prepared.kind !== 'item') throw new Error(prepared.kind);
    const { canonical: light } = prepared.item;
    expect(light).toMatchObject({ id: canonical.id, seq: canonical.seq, severity: canonical.severity });
    expect(reads).toBe(1);
    expect([light.details, light.originalText, light.verbatim]).toEqual([{ a: 1 }, 'text', 'as it came']);
    expect(reads).toBe(4);
  });
});

describe('where', () => {
  test.each<[Partial<Where>, string]>([
    [{}, 'item'],
    [{ eventType: ['user.*'] }, 'item'],
    [{ eventType: ['user.logi?'] }, 'item'],
    [{ eventType: ['user'] }, 'filtered'],
    [{ eventType: ['userxlogin'] }, 'filtered'],
    [{ eventType: ['sync.*', '*LOGIN'] }, 'item'],
    [{ eventType: ['(user|x).login'] }, 'filtered'],
    [{ status: ['failure'] }, 'item'],
    [{ status: ['success', 'unknown'] }, 'filtered'],
    [{ severity: 'medium' }, 'item'],
    [{ severity: 'high' }, 'filtered'],
    [{ severity: 'low', eventType: ['user.login'], status: ['success'] }, 'filtered'],
  ])('%j', (where, kind) => {
    expect(kindOf(where)).toBe(kind);
  });

  it('looks at a hostile event type once, whatever the stars', () => {
    const begun = performance.now();
    expect(kindOf({ eventType: ['*user*deleted*', '*u*s*e*r*x'] }, 'user'.repeat(250_000))).toBe('filtered');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('is passed by what an operator asked for', () => {
    expect(kindOf({ eventType: ['sync.*'] }, 'x', 'success', 'low', true)).toBe('item');
  });
});

describe('limits of a receiver', () => {
  const limited = (maxAgeMs: number, maxBytes: number) => {
    const { canonical } = makeItem(1, { createdAt: '2026-01-02T00:00:00Z' });
    const clock = { now: () => Date.parse('2026-01-03T00:00:00Z') };
    const limits = { maxAgeMs, maxBytes };
    const origin = (): Origin => makeItem(1).origin;
    return createPrepare(() => canonical, format, EVERYTHING, origin, { limits, clock });
  };
  const DAY_MS = 86_400_000;

  it.each([
    [DAY_MS, 1000, 'item'],
    [DAY_MS - 1, 1000, /^too old: it is of 2026-01-02T00:00:00Z, and max_event_age is /],
    [Infinity, 10, /^the document takes \d+ bytes, max_event_bytes allows 10$/],
  ])('of %d ms and %d bytes', (maxAgeMs, maxBytes, wanted) => {
    const prepared = limited(maxAgeMs, maxBytes)(EVENT);
    if (wanted === 'item') expect(prepared.kind).toBe('item');
    else
      expect(prepared).toMatchObject({ kind: 'unrendered', reason: expect.stringMatching(wanted) as string });
  });
});

it('renders with the origin of the event’s own source', () => {
  const prepare = createPrepare(
    () => makeItem(1, { id: 'a' }).canonical,
    format,
    EVERYTHING,
    (source) => ({ ...makeItem(1).origin, instance: `host of ${source}` }),
  );
  expect(prepare(EVENT)).toMatchObject({
    kind: 'item',
    item: { body: 'a from host of platform', kind: 'text' },
  });
});

it.each<[string, Canonicalize, Format]>([
  [
    'a mapping',
    () => {
      throw new RangeError('too\ndeep');
    },
    format,
  ],
  [
    'a format',
    () => makeItem(1).canonical,
    {
      ...format,
      render: () => {
        throw new RangeError('too\ndeep');
      },
    },
  ],
])('a fault of %s costs one event its way, with a reason on one line', (_name, canonicalize, broken) => {
  const prepare = createPrepare(canonicalize, broken, EVERYTHING, () => makeItem(1).origin);
  expect(prepare(EVENT)).toEqual({
    kind: 'unrendered',
    reason: 'the event cannot be rendered as raw: too deep',
  });
});
