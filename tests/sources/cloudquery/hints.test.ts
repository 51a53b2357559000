import { expect, test } from 'vitest';

import { wrongHostHint, wrongKeyHint } from '../../../src/sources/cloudquery/hints.ts';

test.each(['cqpd_', 'cqsr_', 'cqstc_'])(
  'a token that starts with %s is told from a key, and not quoted',
  (prefix) => {
    const hint = wrongKeyHint(` ${prefix}abcdef123`);
    expect(hint).toContain(`${prefix}…`);
    expect(hint).not.toContain('abcdef');
  },
);

test('a key is a key, whatever it looks like', () => {
  expect(wrongKeyHint('1234567890abcdef1234567890abcdef')).toBeNull();
  expect(wrongKeyHint('cq_something')).toBeNull();
  expect(wrongKeyHint('  ')).toContain('empty');
});

test.each([
  ['https://api.cloudquery.io', /CloudQuery Cloud/],
  ['https://API.CloudQuery.io./teams', /CloudQuery Cloud/],
  ['ftp://acme.example.com', /neither https/],
  ['nowhere', /no URL/],
  ['https://user:pass@acme.example.com', /api_key/],
])('%s is refused', (url, hint) => {
  expect(wrongHostHint(url)).toMatch(hint);
  expect(wrongHostHint(url)).not.toContain('pass@');
});

test.each(['https://acme.mycloudquery.com', 'https://acme.cloudquery.io/api', 'http://localhost:3000/api'])(
  '%s is taken',
  (url) => {
    expect(wrongHostHint(url)).toBeNull();
  },
);
