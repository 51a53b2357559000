import { describe, expect, it } from 'vitest';

import { errorType } from '../../../src/sinks/otlp/error-type.ts';

describe('the type of an error', () => {
  it.each([
    ['invalid password', 'invalid_credentials'],
    ['INVALID_CREDENTIALS', 'invalid_credentials'],
    ['InvalidPassword', 'invalid_credentials'],
    ['Incorrect e-mail or password', 'invalid_credentials'],
    ['wrong TOTP', 'invalid_credentials'],
    ['user ana not found', 'not_found'],
    ['No such user: bob@acme.example', 'not_found'],
    ['permission denied', 'denied'],
    ['Forbidden', 'denied'],
    ['unauthorised', 'denied'],
    ['password expired', 'expired'],
    ['account locked after 5 attempts', 'locked'],
    ['user is suspended', 'disabled'],
    ['MFA required', 'mfa_required'],
    ['second factor not set up', 'mfa_required'],
    ['context deadline exceeded', 'timeout'],
    ['Timeout', 'timeout'],
    ['too many requests', 'rate_limited'],
    ['name already exists', 'conflict'],
    ['connection refused', 'unreachable'],
    ['ana', '_OTHER'],
    ['bad status code 500', '_OTHER'],
    ['clocked out', '_OTHER'],
    ['', '_OTHER'],
    [undefined, '_OTHER'],
  ])('of the reason %j is %s', (reason, type) => expect(errorType(reason)).toBe(type));
});
