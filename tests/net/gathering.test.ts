import fc from 'fast-check';
import { expect, it } from 'vitest';

import { gathering } from '../../src/net/gathering.ts';

it('gives back all parts behind each other, in memory of their own', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)));
  const property = fc.property(parts, (given) => {
    const body = gathering();
    const expected = Buffer.concat(given);
    for (const part of given) {
      body.add(part);
      part.fill(0); // whoever gave it may use it again
    }
    const whole = body.whole();
    expect(whole.equals(expected)).toBe(true);
    expect(whole.buffer.byteLength).toBe(expected.length);
  });
  fc.assert(property, { numRuns: 200 });
});
