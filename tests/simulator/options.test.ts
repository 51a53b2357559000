import { Ajv } from 'ajv';
import { expect, test } from 'vitest';

import { amend, completeOptions, defaultOptions, simulatorSchema } from '../../src/simulator/options.ts';
import { switches } from '../../src/simulator/switches.ts';

test('a part of the options leaves the rest at its defaults', () => {
  const options = completeOptions({ late: { share: 0.5 }, order: 'desc' });
  expect(options.late).toEqual({ share: 0.5, up_to: defaultOptions.late.up_to });
  expect(options.order).toBe('desc');
  expect(options.rate).toBe(defaultOptions.rate);
});

test('a later part changes only what it names', () => {
  const first = completeOptions({ rate: 7, burst: { rows: 9 } });
  const second = amend(first, { burst: { every: '10m' }, clock_skew: '-90s' });
  expect(second.burst).toEqual({ ...first.burst, every: 600_000 });
  expect(second.rate).toBe(7);
  expect(second.clock_skew).toBe(-90_000);
});

test.each([
  [{ colour: 1 }, /no switch named colour/],
  [{ late: { shares: 1 } }, /no switch named late\.shares/],
  [JSON.parse('{"__proto__":{"rate":1}}'), /no switch named __proto__/],
  [{ constructor: {} }, /no switch named constructor/],
  [{ late: 3 }, /late must be an object/],
  [[], /options must be an object/],
  [null, /options must be an object/],
  [{ order: 'sideways' }, /order takes one of asc, desc/],
  [{ late: { share: 1.5 } }, /late\.share takes a number from 0 to 1/],
  [{ history: -1 }, /history takes a duration/],
  [{ history: 'soon' }, /history takes a duration/],
  [{ page_clamp: 2.5 }, /page_clamp takes a whole number/],
  [{ totals: 'no' }, /totals takes true or false/],
  [{ since: 'yesterday' }, /since takes an RFC 3339 time/],
  [{ faults: { kinds: ['fire'] } }, /faults\.kinds takes a list out of/],
])('refuses %j', (patch: unknown, message) => {
  expect(() => amend(defaultOptions, patch)).toThrow(message);
});

test('the schema holds every switch with its description and default, and takes its own defaults', () => {
  const ajv = new Ajv({ strict: false, useDefaults: true });
  const validate = ajv.compile({ type: 'object', ...simulatorSchema, additionalProperties: false });
  const filled: Record<string, unknown> = {};
  expect(validate(filled)).toBe(true);
  expect(amend({}, filled)).toEqual(defaultOptions);
  for (const { path, description } of switches) {
    const [group = '', key] = path.split('.');
    const top = simulatorSchema.properties[group] as {
      properties?: Record<string, object>;
      description?: string;
    };
    expect(key === undefined ? top : top.properties?.[key], path).toMatchObject({ description });
    expect(top.description, group).toMatch(/\.$/);
  }
});
