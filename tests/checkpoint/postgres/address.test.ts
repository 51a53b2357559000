import { describe, expect, it } from 'vitest';

import { placeOf, readAddress, tlsOf } from '../../../src/checkpoint/postgres/address.ts';
import { databaseFault } from '../../../src/checkpoint/postgres/faults.ts';
import { ForwardError } from '../../../src/model/errors.ts';

describe('the address of a database', () => {
  it('is a connection URI', () => {
    const address = readAddress('postgres://us%40er:p%2Fw@[::1]:5433/audit?connect_timeout=3', {});
    expect(address).toMatchObject({
      host: '::1',
      port: 5433,
      user: 'us@er',
      password: 'p/w',
      database: 'audit',
      connectTimeoutMs: 3000,
      tls: 'prefer',
    });
    expect(placeOf(address, {})).toBe('::1:5433/audit');
  });

  it('leaves to the environment what it does not say', () => {
    const address = readAddress('postgresql:///audit', { PGSSLMODE: 'verify-full' });
    expect(address).toMatchObject({
      host: undefined,
      user: undefined,
      password: undefined,
      tls: 'verify-full',
    });
    expect(placeOf(address, { PGHOST: 'db', PGPORT: '6000' })).toBe('db:6000/audit');
    expect(readAddress('postgres:///audit?user=u&host=/run/postgresql', {}).host).toBe('/run/postgresql');
  });

  it.each([
    ['disable', false],
    ['prefer', { rejectUnauthorized: false }],
    ['require', { rejectUnauthorized: false }],
    ['verify-full', { rejectUnauthorized: true }],
  ])('sslmode=%s is what libpq makes of it', (mode, options) => {
    expect(tlsOf(readAddress(`postgres://db/x?sslmode=${mode}`, {}))).toEqual(options);
  });

  it('checks the chain alone with verify-ca, and with require where an authority is named', () => {
    expect(readAddress('postgres://db/x?sslmode=require&sslrootcert=/ca.pem', {}).tls).toBe('verify-ca');
    const options = tlsOf(readAddress('postgres://db/x?sslmode=verify-ca', {}));
    expect(options).toMatchObject({ rejectUnauthorized: true });
    expect(options === false ? null : options.checkServerIdentity?.('db', {} as never)).toBeUndefined();
  });

  it.each([
    ['db.example.com', 'no connection URI|not a connection URI'],
    ['mysql://db/x', 'does not begin with postgres://'],
    ['postgres://u:%zz@db/x', 'two hexadecimal digits'],
    ['postgres://db/x?sslcrl=a', 'sslcrl is not known'],
    ['postgres://db/x?connect_timeout=soon', 'connect_timeout is not a number'],
    ['postgres://db/x?sslmode=verify-full&sslrootcert=/nobody/here.pem', 'sslrootcert cannot be read'],
  ])('%s is refused', (text, words) => {
    const read = () => tlsOf(readAddress(text, {}));
    expect(read).toThrow(new RegExp(words));
    expect(read).toThrow(ForwardError);
  });
});

describe('what a database says', () => {
  const saying = (code: string): Error => Object.assign(new Error('it says no'), { code });
  it.each([
    ['ECONNREFUSED', 'transient', true],
    ['57P01', 'transient', true],
    ['08006', 'transient', true],
    ['28P01', 'denied', false],
    ['42501', 'denied', false],
    ['3D000', 'denied', false],
    ['53100', 'transient', false],
    ['53300', 'transient', false],
    ['25006', 'transient', false],
    ['55P03', 'transient', true],
    ['57014', 'transient', true],
    ['40001', 'transient', false],
    ['42P01', 'config', false],
    ['08P01', 'config', false],
    ['CERT_HAS_EXPIRED', 'denied', false],
    ['XX001', 'corrupt', false],
  ])('%s is %s', (code, kind, ambiguous) => {
    const fault = databaseFault(saying(code), 'db:5432/x');
    expect(fault).toMatchObject({ kind, ambiguous, message: expect.stringContaining('db:5432/x') as string });
    expect((fault as ForwardError).hint).toBeTruthy();
  });

  it.each([
    'Connection terminated unexpectedly',
    'timeout expired',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'There was an error establishing an SSL connection',
  ])('is a lost connection also where the driver has words only: %s', (words) => {
    const fault = databaseFault(new Error(words), 'db');
    expect(fault).toMatchObject({ kind: 'transient', ambiguous: true });
  });

  it('is a refused login where the driver lacks a password', () => {
    const error = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string');
    expect(databaseFault(error, 'db')).toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('PGPASSWORD') as string,
    });
  });

  it('is thrown as it is where it is a fault of ours', () => {
    for (const error of [saying('23502'), new TypeError('x is not a function')])
      expect(databaseFault(error, 'db')).toBe(error);
  });
});
