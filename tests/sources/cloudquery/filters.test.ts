import { describe, expect, it, test } from 'vitest';

import { addressFault, compileFilters } from '../../../src/sources/cloudquery/filters.ts';
import type { CloudqueryFilters } from '../../../src/sources/cloudquery/filters.ts';

const NONE: CloudqueryFilters = {
  event_type: [],
  user: [],
  team: [],
  entity: [],
  ip_address: [],
  search: '',
};
const EVENT = {
  id: 'a',
  event_type: 'User.Login',
  user: { id: 'u-1', email: 'Sam@Example.com', name: 'Sam Example' },
  team_name: 'Blue',
  entity_display_name: 'prod (eu) [1] a+b',
  user_ip_address: '203.0.113.7',
};
const takes = (filters: Partial<CloudqueryFilters>, item: Record<string, unknown> = EVENT): boolean =>
  compileFilters({ ...NONE, ...filters })?.(item) ?? true;

test('no filter takes everything, also what has no fields', () => {
  expect(takes({})).toBe(true);
  expect(takes({}, {})).toBe(true);
});

describe('names', () => {
  test.each<[Partial<CloudqueryFilters>, boolean]>([
    [{ event_type: ['user.login'] }, true],
    [{ event_type: ['login'] }, false],
    [{ event_type: ['*login'] }, true],
    [{ event_type: ['*.*'] }, true],
    [{ event_type: ['user?login'] }, true],
    [{ event_type: ['user?.login'] }, false],
    [{ event_type: ['nothing', 'USER.*'] }, true],
    [{ event_type: ['*er.l*n'] }, true],
    [{ event_type: ['user.lo*ogin'] }, false],
    [{ event_type: ['**'] }, true],
    [{ event_type: ['userxlogin'] }, false],
    [{ user: ['sam@example.com'] }, true],
    [{ user: ['U-1'] }, true],
    [{ user: ['sam *'] }, true],
    [{ user: ['sam'] }, false],
    [{ team: ['blue'] }, true],
    [{ entity: ['prod (eu) [1] a+b'] }, true],
    [{ entity: ['prod .eu. *'] }, false],
    [{ event_type: ['*login*'], team: ['red'] }, false],
  ])('%j', (filters, taken) => {
    expect(takes(filters)).toBe(taken);
  });

  it('match nothing where the field is missing or no text', () => {
    for (const user of [undefined, null, 'sam', ['sam'], { email: null }])
      expect(takes({ user: ['*'] }, { ...EVENT, user })).toBe(false);
  });
});

describe('addresses', () => {
  test.each<[string, string, boolean]>([
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.*', '203.0.113.7', true],
    ['203.0.113.0/24', '203.0.113.7', true],
    ['203.0.113.0/24', '203.0.114.7', false],
    ['203.0.113.0/24', '203.0.113.7:443', true],
    ['203.0.113.0/24', '198.51.100.1, 203.0.113.7', true],
    ['203.0.113.0/24', '::ffff:203.0.113.7', true],
    ['2001:db8::/32', '2001:DB8::1', true],
    ['2001:db8::/32', '[2001:db8::1]:443', true],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['0.0.0.0/0', 'unknown', false],
    ['0.0.0.0/0', '', false],
    ['203.0.113.0/33', '203.0.113.7', false],
    ['203.0.113.7/32', '203.0.113.7', true],
  ])('%s against %s', (filter, address, taken) => {
    expect(takes({ ip_address: [filter] }, { user_ip_address: address })).toBe(taken);
  });
});

describe('what can be no address', () => {
  test.each([
    '300.1.1.1',
    '10.0.0.0/99',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0',
    '300.1.*',
    '10.0.0.*/24',
    '1.2.3.4.*',
    '2001:db8::/129',
    '10.0.0.1, 300.1.1.1',
    'localhost',
    ' ',
  ])('%s is refused', (text) => {
    expect(addressFault(text)).toMatch(/^is neither an address nor a range; expected /);
  });

  test.each([
    '203.0.113.7',
    '203.0.113.0/24',
    '0.0.0.0/0',
    '203.0.113.*',
    '*.7',
    '10*',
    '*',
    '2001:DB8::1',
    '2001:db8::/32',
    '2001:db8:*',
    '203.0.113.7:443',
    '[2001:db8::1]:443',
    'fe80::1%eth0',
    '198.51.100.1, 203.0.113.7',
  ])('%s may stand', (text) => {
    expect(addressFault(text)).toBeNull();
  });
});

describe('search', () => {
  test.each<[string, boolean]>([
    ['LOGIN', true],
    ['sam exa', true],
    ['203.0', true],
    ['blue', true],
    ['*', false],
    ['nowhere', false],
  ])('%s', (search, taken) => {
    expect(takes({ search })).toBe(taken);
  });
});
