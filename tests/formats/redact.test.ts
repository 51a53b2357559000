import { describe, expect, it } from 'vitest';
import { rawFormat } from '../../src/formats/raw.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { createJudgeKey } from '../../src/formats/secrets.ts';
import { CATALOGUE } from './catalogue.ts';
import { canonicalOf, journaled, ORIGIN } from './events.ts';

const SECRET = 'hunter2-invented';

describe('a key', () => {
  const judge = createJudgeKey([], []);

  it.each(
    (
      'password Password user_password newPassword passwd pwd secret client_secret clientSecret clientsecret token access_token accessToken ' +
      'refresh_token api_key apiKey apikey API-Key key private_key privateKey aws_secret_access_key authorization Authorization dsn credentials ' +
      'credential connection_string connectionString cookie jwt otp passphrase webhook_url auth_header'
    ).split(' '),
  )('%s looks secret', (key) => expect(judge(key)).toBe('strong'));

  it.each(
    (
      'api_key_id apiKeyId key_id token_type token_id secret_name password_changed_at passwordPolicy password_enabled api_key_name secret_arn ' +
      'public_key primary_key partition_key keys author monkey keyboard tokenizer secretary name id sync_name schedule credential_type'
    ).split(' '),
  )('%s does not', (key) => expect(judge(key)).toBe('none'));

  it('can be added or spared by the operator, in any spelling', () => {
    const own = createJudgeKey(['licence_number'], ['api_key']);
    expect([own('licenceNumber'), own('apiKey'), own('password')]).toEqual(['strong', 'none', 'strong']);
  });
});

describe('redaction', () => {
  const item = {
    id: 'e1',
    event_type: 'sync.created',
    event_details: {
      password: SECRET,
      nested: [{ 'x-api-key': SECRET }],
      token: { id: 't1', name: 'ci', value: SECRET },
      changes: [{ field: 'client_secret', old: SECRET, new: SECRET }],
      url: `postgres://user:${SECRET}@db.example/x`,
      pem: `-----BEGIN PRIVATE KEY-----\n${SECRET}`,
      pin: 1234567,
      max_tokens: 4000,
      mfa_token_enabled: true,
    },
    created_at: '2026-01-02T03:04:05Z',
  };

  it('leaves no secret in any format, and counts what it replaced', () => {
    const event = canonicalOf(item);
    for (const { format } of CATALOGUE) {
      const line = format.render(event, ORIGIN);
      expect(line).not.toContain(SECRET);
      expect(line).not.toContain('1234567');
    }
    expect(event.redactions).toBe(8);
    expect(event.details).toMatchObject({
      token: { id: 't1', name: 'ci', value: '[redacted]' },
      url: 'postgres://user:[redacted]@db.example/x',
      max_tokens: 4000,
      mfa_token_enabled: true,
    });
  });

  it('keeps the very bytes when there is nothing to take out', () => {
    const original =
      '{"id":"e1", "n":12345678901234567890,"f":1.0,"e":1E400,"event_details":{"z":1,"a":[0.10]},"t":"\\u00e9"}';
    const event = createCanonicalize()(journaled(original));
    expect([event.originalText, event.redactions]).toEqual([original, 0]);
  });

  it('keeps every number as it was written when it has to write the event anew', () => {
    const original =
      '{"event_details":{"password":"x","n":12345678901234567890,"f":1.0,"e":1E400,"z":-0,"small":7}}';
    expect(createCanonicalize()(journaled(original)).originalText).toBe(
      '{"event_details":{"password":"[redacted]","n":12345678901234567890,"f":1.0,"e":1E400,"z":-0,"small":7}}',
    );
  });

  it('can be turned off, and raw can be told to keep all', () => {
    const original = JSON.stringify(item);
    expect(createCanonicalize({ redact: { enabled: false } })(journaled(original)).originalText).toBe(
      original,
    );
    const event = createCanonicalize()(journaled(original));
    expect(rawFormat.create({ redact: false }).render(event, ORIGIN)).toBe(original);
    expect(rawFormat.create({}).render(event, ORIGIN)).not.toBe(original);
  });

  it('never reaches a prototype', () => {
    const event = createCanonicalize()(
      journaled('{"event_details":{"__proto__":{"password":"x"},"constructor":{"token":"y"}}}'),
    );
    expect(event.originalText).toBe(
      '{"event_details":{"__proto__":{"password":"[redacted]"},"constructor":{"token":"[redacted]"}}}',
    );
    expect(Object.hasOwn(Object.prototype, 'password')).toBe(false);
  });

  it('cuts what is nested beyond any use, and stays silent about text that is no JSON', () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const event = createCanonicalize()(journaled(`{"id":"e","event_details":${deep}}`));
    expect(event.originalText).toContain('nested deeper than 64 levels');
    expect(createCanonicalize()(journaled(`password=${SECRET}`)).originalText).not.toContain(SECRET);
  });
});

describe('the embedded user', () => {
  const user = {
    id: 'u1',
    email: 'ana@acme.example',
    roles: [
      {
        id: 'r1',
        name: 'Admin',
        type: 'admin:write',
        permissions: [{ query: 'SELECT 1' }],
        created_by: { id: 'u2', email: 'carl@acme.example', name: 'Carl C' },
      },
    ],
  };

  it('loses the SQL of its roles and the e-mails of other people, counted', () => {
    const event = canonicalOf({ id: 'e', user });
    expect(event.trimmed).toBe(3);
    expect(event.originalText).not.toMatch(/SELECT|carl|Carl/);
    expect(event.originalText).toContain('"created_by":{"id":"u2"}');
  });

  it('is whole when told so', () => {
    expect(canonicalOf({ id: 'e', user }, { trim_user: false }).originalText).toBe(
      JSON.stringify({ id: 'e', user }),
    );
  });
});
