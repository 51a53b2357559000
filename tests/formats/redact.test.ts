import { describe, expect, it } from 'vitest';
import { rawFormat } from '../../src/formats/raw.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { withoutSecrets } from '../../src/formats/secret-texts.ts';
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
      'credential connection_string connectionString cookie jwt otp passphrase webhook_url auth_header pwd1 password2 pw db_dsn totp_url ' +
      'otpauth_url recovery_code userBackupCodes verification_code slack_webhook slackWebhookUrl conn_str jdbc_url reset_link ' +
      'magic_link saml_assertion github_pat client_key_data kubeconfig tokenvalue licence_key'
    ).split(' '),
  )('%s looks secret', (key) => expect(judge(key).secrecy).toBe('strong'));

  it.each(
    (
      'api_key_id apiKeyId key_id token_type token_id secret_name password_changed_at passwordPolicy password_enabled api_key_name secret_arn ' +
      'public_key primary_key partition_key keys author monkey keyboard tokenizer secretary name id sync_name schedule credential_type ' +
      'file_key code country_code reset link webhook webhook_id passed compass session_id totp_enabled key_data_type'
    ).split(' '),
  )('%s does not', (key) => expect(judge(key).secrecy).toBe('none'));

  it.each('tokens max_tokens pass db_pass smtpPass'.split(' '))('%s hides texts and leaves counts', (key) =>
    expect(judge(key).secrecy).toBe('weak'),
  );

  it('can be added or spared by the operator, in any spelling', () => {
    const own = createJudgeKey(['licence_number'], ['api_key']);
    expect(['licenceNumber', 'apiKey', 'password'].map((key) => own(key).secrecy)).toEqual([
      'strong',
      'none',
      'strong',
    ]);
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

  const left = (details: string): string =>
    createCanonicalize()(journaled(`{"event_details":${details}}`)).originalText.slice(
      '{"event_details":'.length,
      -1,
    );

  it.each([
    [
      '{"field":"password","oldValue":"S","newValue":"S","by":"ana"}',
      '{"field":"password","oldValue":"R","newValue":"R","by":"ana"}',
    ],
    [
      '{"field_name":"API_KEY","previous_value":7,"currentValue":"S"}',
      '{"field_name":"API_KEY","previous_value":"R","currentValue":"R"}',
    ],
    ['{"variable":"DB_PASSWORD","content":{"v":"S"}}', '{"variable":"DB_PASSWORD","content":{"v":"R"}}'],
    ['{"env":[["DB_PASSWORD","S"],["REGION","eu"]]}', '{"env":[["DB_PASSWORD","R"],["REGION","eu"]]}'],
    ['{"changed_attributes":["password","email"]}', '{"changed_attributes":["password","email"]}'],
    ['{"field":"name","old":"a","new":"b"}', '{"field":"name","old":"a","new":"b"}'],
  ])('goes by the name beside a value: %s', (details, expected) => {
    expect(left(details)).toBe(expected.replaceAll('"R"', '"[redacted]"'));
  });

  it('takes the key of a tag for its name, and a key alone for a secret', () => {
    expect(left('{"tags":[{"key":"env","value":"prod"}]}')).toBe('{"tags":[{"key":"env","value":"prod"}]}');
    expect(left('{"key":"S"}')).toBe('{"key":"[redacted]"}');
    const change = { changes: [{ key: 'name', old: 'a', new: 'b' }] };
    expect(canonicalOf({ event_details: change }).changedAttributes).toEqual(['name']);
  });

  it.each([
    '{"event_details":{"token":"S-1"},"event_details":{"a":1}}',
    '{"event_details":{"password":"S-1","password":""}}',
    '{"user":{"roles":[{"permissions":[{"query":"S-1"}]}]},"user":{"id":"u"}}',
    '{"event_details":"{\\"token\\":\\"S-1\\",\\"token\\":\\"\\"}"}',
  ])('finds what a second key of the same name would hide: %s', (original) => {
    const event = createCanonicalize()(journaled(original));
    for (const { format } of CATALOGUE) expect(format.render(event, ORIGIN)).not.toContain('S-1');
  });

  it.each([
    ['{"body":"{\\"password\\":\\"S\\",\\"n\\":1.0}"}', '{"body":"{\\"password\\":\\"R\\",\\"n\\":1.0}"}'],
    ['" [{\\"token\\":\\"S\\"}]"', '"[{\\"token\\":\\"R\\"}]"'],
    ['{"body":"{\\"name\\":  \\"x\\"}"}', '{"body":"{\\"name\\":  \\"x\\"}"}'],
    ['{"body":"{not json","q":"[a]"}', '{"body":"{not json","q":"[a]"}'],
  ])('looks into JSON within a string: %s', (details, expected) => {
    expect(left(details)).toBe(expected.replaceAll('R', '[redacted]'));
  });

  it('counts each value within JSON within a string', () => {
    const inner = JSON.stringify({ deeper: JSON.stringify({ token: 'a', list: [{ secret: 'b' }] }) });
    expect(canonicalOf({ event_details: { inner } }).redactions).toBe(2);
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

describe('a text', () => {
  it.each([
    ['postgres://ana:S@db.example/x', 'postgres://ana:R@db.example/x'],
    ['postgres://ana:S@S@db.example', 'postgres://ana:R@db.example'],
    ['postgres://ana:S/S@db.example', 'postgres://ana:R@db.example'],
    ['dsn is "redis://:S@cache" now', 'dsn is "redis://:R@cache" now'],
    ['https://ghp_0123456789abcdef@github.com/x', 'https://R@github.com/x'],
    [`amqp://u:${'S'.repeat(5000)}@q`, 'amqp://u:R@q'],
    ['see https://h.example?next=postgres://u:S@db', 'see https://h.example?next=postgres://u:R@db'],
    ['-----BEGIN PGP PRIVATE KEY BLOCK-----\nS', 'R'],
  ])('gives up the secret in %j', (text, expected) => {
    expect(withoutSecrets(text, 'R')).toBe(expected);
  });

  it.each([
    'https://app.example:8443/users/ana@acme.example',
    'https://app.example/a:b@c',
    'https://[2001:db8::1]/ana@acme.example',
    'ssh://git@github.com/x',
    'https://app.example and ana@acme.example',
    'mail:ana@acme.example',
    'a PRIVATE KEY was made',
  ])('keeps %j', (text) => {
    expect(withoutSecrets(text, 'R')).toBe(text);
  });

  it('of any length takes time that grows with its length alone', () => {
    for (const piece of ['a://b:', 'a://b', '://@', 'a://b:c@', '@', '://'])
      expect(withoutSecrets(piece.repeat(200_000), 'R').length).toBeGreaterThan(0);
  });

  it('is not searched for a bracket beyond the address', () => {
    const begun = performance.now();
    expect(withoutSecrets(`${'://['.repeat(400_000)}]@h`, 'R').length).toBeGreaterThan(0);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(withoutSecrets('redis://[2001:db8::1]:S@h', 'R')).toBe('redis://[2001:db8::1]:R@h');
    expect(withoutSecrets('redis://[u:S@h', 'R')).toBe('redis://[u:R@h');
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
