import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAddress } from '../../src/formats/address.ts';

describe('an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    [' 203.0.113.7 ', '203.0.113.7'],
    ['203.0.113.7:443', '203.0.113.7'],
    ['203.0.113.7, 10.0.0.1', '203.0.113.7'],
    ['203.0.113.7/32', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:8443', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['"[2001:db8::1]:8443"', '2001:db8::1'],
    ['2001:db8::1, 203.0.113.7', '2001:db8::1'],
  ])('%j is %s', (text, ip) => expect(readAddress(text)).toEqual({ ip, address: ip }));

  it.each(['unknown', 'localhost', '999.1.1.1', '203.0.113', 'proxy.example:443', '[::1', '1.2.3.4.5', '-'])(
    '%j is kept aside as text',
    (text) => expect(readAddress(text)).toEqual({ address: text }),
  );

  it.each(['', '   '])('%j is nothing', (text) => expect(readAddress(text)).toEqual({}));

  it('is one address or none, whatever the text, and reads itself the same', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string()), (text) => {
        const { ip } = readAddress(text);
        if (ip === undefined) return;
        expect(isIP(ip)).not.toBe(0);
        expect(ip.length).toBeLessThanOrEqual(39);
        expect(readAddress(ip).ip).toBe(ip);
      }),
    );
  });
});
