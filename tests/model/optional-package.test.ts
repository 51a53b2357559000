import { expect, it } from 'vitest';

import { assertInstalled, isInstalled } from '../../src/model/optional-package.ts';

it('finds what is installed, and says how to install what is not', () => {
  expect(isInstalled('undici')).toBe(true);
  expect(isInstalled('@auditferry/nobody-has-this')).toBe(false);
  assertInstalled('@platformatic/kafka', 'speaks to Kafka');
  expect(() => assertInstalled('nobody-has-this', 'does nothing')).toThrow(
    expect.objectContaining({
      kind: 'config',
      message: 'needs the package nobody-has-this, which does nothing and is not installed',
      hint: expect.stringContaining('npm install nobody-has-this') as string,
    }),
  );
});
