import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { createClassify } from '../../src/formats/classify.ts';
import type { EventTypeRow } from '../../src/formats/options.ts';
import { isUnclassified } from '../../src/formats/unclassified.ts';
import { DOMAINS, UNKNOWN, VERBS } from '../../src/formats/vocabulary.ts';
import { journaled } from './events.ts';

const classify = createClassify();
const meaning = (eventType: string): string => {
  const { domain, object, verb } = classify(eventType).classification;
  return `${domain} ${object} ${verb}`;
};

/** A thing, what is done to it (imperative, participle), and what it means. */
const CORPUS: readonly (readonly [thing: string, verbs: string, meaning: string])[] = [
  ['user', 'create created', 'user user create'],
  ['user', 'delete deleted', 'user user delete'],
  ['user', 'update updated', 'user user update'],
  ['user', 'enable enabled', 'user user enable'],
  ['user', 'disable disabled', 'user user disable'],
  ['user', 'invite invited', 'user user invite'],
  ['user', 'lock locked', 'user user lock'],
  ['api key', 'create created', 'credential api_key create'],
  ['api key', 'delete deleted', 'credential api_key delete'],
  ['api key', 'revoke revoked', 'credential api_key delete'],
  ['api key', 'rotate rotated', 'credential api_key rotate'],
  ['rbac role', 'create created', 'role role create'],
  ['rbac role', 'update updated', 'role role update'],
  ['rbac role', 'delete deleted', 'role role delete'],
  ['rbac permission', 'create created', 'role permission create'],
  ['rbac permission', 'delete deleted', 'role permission delete'],
  ['role', 'assign assigned', 'privilege role_assignment grant'],
  ['role', 'revoke revoked', 'privilege role_assignment revoke'],
  ['user role', 'update updated', 'privilege role_assignment update'],
  ['team', 'create created', 'group team create'],
  ['team', 'delete deleted', 'group team delete'],
  ['team member', 'add added', 'group team_member create'],
  ['team member', 'remove removed', 'group team_member delete'],
  ['policy', 'create created', 'policy policy create'],
  ['policy', 'update updated', 'policy policy update'],
  ['policy', 'disable disabled', 'policy policy disable'],
  ['policy group', 'delete deleted', 'policy policy_group delete'],
  ['sync', 'create created', 'config sync create'],
  ['sync', 'delete deleted', 'config sync delete'],
  ['sync source', 'update updated', 'config sync_source update'],
  ['sync destination', 'create created', 'config sync_destination create'],
  ['sync integration', 'delete deleted', 'config sync_integration delete'],
  ['sync transformer', 'update updated', 'config sync_transformer update'],
  ['sync run', 'start started', 'run sync_run start'],
  ['sync run', 'cancel cancelled', 'run sync_run stop'],
  ['onboarding', 'create created', 'config onboarding create'],
  ['notification destination', 'delete deleted', 'config notification_destination delete'],
  ['saved query', 'create created', 'content query create'],
  ['saved query', 'delete deleted', 'content query delete'],
  ['query', 'execute executed', 'content query execute'],
  ['insight filter', 'update updated', 'content filter update'],
  ['report', 'share shared', 'content report share'],
  ['report template', 'delete deleted', 'content report_template delete'],
  ['custom column', 'create created', 'content custom_column create'],
  ['alert', 'enable enabled', 'content alert enable'],
  ['agent chat', 'delete deleted', 'content agent_chat delete'],
  ['platform settings', 'update updated', 'settings settings update'],
  ['saml config', 'update updated', 'security_settings security_settings update'],
  ['mfa policy', 'disable disabled', 'security_settings security_settings disable'],
  ['mfa', 'enable enabled', 'user mfa enable'],
  ['totp', 'delete deleted', 'user mfa disable'],
  ['password', 'reset reset', 'user password reset'],
  ['password', 'change changed', 'user password update'],
  ['audit log', 'export exported', 'audit audit_log export'],
  ['audit log', 'delete deleted', 'audit audit_log delete'],
];

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
/** The conventions that platforms spell their event types in. */
const SPELLINGS: Readonly<
  Record<string, (thing: string[], imperative: string, participle: string) => string>
> = {
  snake: (thing, _, participle) => [...thing, participle].join('_'),
  dotted: (thing, imperative) => `${thing.join('_')}.${imperative}`,
  prose: (thing, _, participle) => capital([...thing, participle].join(' ')),
  camel: (thing, imperative) => [imperative, ...thing].map(capital).join(''),
  upper: (thing, _, participle) => [...thing, participle].join('_').toUpperCase(),
  camelNoun: (thing, _, participle) => [...thing, participle].map(capital).join(''),
};

describe.each(Object.keys(SPELLINGS))('event types in %s spelling', (spelling) => {
  it.each(CORPUS)('%s, %s', (thing, verbs, expected) => {
    const [imperative = '', participle = ''] = verbs.split(' ');
    expect(meaning(SPELLINGS[spelling]?.(thing.split(' '), imperative, participle) ?? '')).toBe(expected);
  });
});

describe('event types as other platforms name theirs', () => {
  it.each([
    ['user_login', 'auth session login'],
    ['user logged in', 'auth session login'],
    ['user.session.start', 'auth session login'],
    ['user.signed_out', 'auth session logout'],
    ['session.expired', 'auth session logout'],
    ['MagicLoginUser', 'auth session login'],
    ['LogoutUser', 'auth session logout'],
    ['user.authentication.sso_failed', 'auth session login'],
    ['access token revoked', 'credential api_key delete'],
    ['personal_access_token.created', 'credential api_key create'],
    ['role assigned to user', 'privilege role_assignment grant'],
    ['permission.granted', 'privilege role_assignment grant'],
    ['user added to team', 'group team_member create'],
    ['user.removed.from.group', 'group team_member delete'],
    ['UserTOTPSetup', 'user mfa enable'],
    ['two_factor_authentication_disabled', 'user mfa disable'],
    ['ChangeUserPassword', 'user password update'],
    ['user blocked', 'user user disable'],
    ['user.created.api_key', 'credential api_key create'],
    ['user updated settings', 'settings settings update'],
    ['ExecuteAdHocQuery', 'content query execute'],
    ['run_query', 'content query execute'],
    ['sync failed', 'run sync_run finish'],
    ['toggle policy', 'policy policy update'],
    ['login settings updated', 'settings settings update'],
    ['api_key.expired', 'credential api_key expire'],
    ['service_account_key.created', 'credential api_key create'],
    ['turned off mfa', 'user mfa disable'],
    ['2FA_ENABLED', 'user mfa enable'],
    ['2FAEnabled', 'user mfa enable'],
    ['User2FADisabled', 'user mfa disable'],
    ['sync timed out', 'run sync_run finish'],
    ['query failed', 'content query execute'],
    ['user.session.timeout', 'auth session logout'],
  ])('%s', (eventType, expected) => expect(meaning(eventType)).toBe(expected));

  it.each([
    ['login_failed', 'failure'],
    ['user.login.denied', 'failure'],
    ['login blocked', 'failure'],
    ['user_login_succeeded', 'success'],
    ['user_login', null],
    ['user blocked', null],
    ['blocked_login_attempt', 'failure'],
    ['blocked_user_deleted', null],
    ['login_timeout', 'failure'],
    ['session_timeout_changed', null],
    ['UpdateSessionTimeout', null],
    ['set_query_timeout', null],
    ['error_report_viewed', null],
    ['failed_password_reset', 'failure'],
    ['user_creation_not_allowed', 'failure'],
    ['user_cannot_login', 'failure'],
  ])('%s hints at %s', (eventType, hint) =>
    expect(classify(eventType).classification.outcomeHint).toBe(hint),
  );
});

describe('event types that say too little', () => {
  it.each([
    '',
    '   ',
    'quantum.flux',
    '???',
    'e1d4',
    '日本語',
    'policy',
    'notification sent',
    'x'.repeat(10_000),
  ])('%s is not guessed at', (eventType) => {
    const { classification } = classify(eventType);
    expect(isUnclassified(classification)).toBe(true);
    expect(classification.confidence).toBe('low');
    expect(classification.slug).not.toBe('');
  });

  it('are answered for any text, in known words', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (eventType) => {
        const { domain, verb, slug } = classify(eventType).classification;
        expect([...DOMAINS, UNKNOWN]).toContain(domain);
        expect([...VERBS, UNKNOWN]).toContain(verb);
        expect(slug.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe("the operator's table", () => {
  const own = createClassify([
    { match: 'quantum.*', category: 'config', object: 'flux', action: 'update', severity: 'high' },
    { match: 'quantum.flux', category: 'audit', object: 'audit_log', action: 'delete' },
    { match: 'user_login', action: 'logout' },
    { match: 'sync.creat?d', severity: 'critical' },
  ]);

  it('wins over the words, exact names over patterns, whatever the spelling', () => {
    expect(own('Quantum Flux').classification).toMatchObject({
      domain: 'audit',
      verb: 'delete',
      overridden: true,
      confidence: 'high',
    });
    expect(own('quantum.leap').classification).toMatchObject({
      domain: 'config',
      object: 'flux',
      verb: 'update',
    });
    expect(own('user_login').classification).toMatchObject({
      domain: 'auth',
      object: 'session',
      verb: 'logout',
    });
  });

  it('leaves what a row does not say to the words', () => {
    const { classification, row, rule } = own('sync.created');
    expect(classification).toMatchObject({
      domain: 'config',
      object: 'sync',
      verb: 'create',
      overridden: true,
    });
    expect(row?.severity).toBe('critical');
    expect(rule).toBe('table');
  });

  it.each(['billing.updated', 'billing_updated', 'BillingUpdated', 'Billing updated'])(
    'finds %s by a pattern with any separators',
    (eventType) => {
      for (const match of ['billing.*', 'Billing_*', 'billing ?p*', 'Billing*', '/billing/*'])
        expect(createClassify([{ match, severity: 'high' }])(eventType).row).toMatchObject({ match });
      expect(createClassify([{ match: 'bill.*', severity: 'high' }])(eventType).row).toBeNull();
    },
  );

  it('takes a name without a word for that name alone', () => {
    const odd = createClassify([
      { match: '---', category: 'audit', action: 'delete' },
      { match: '...*', category: 'audit', action: 'delete' },
    ]);
    expect(odd('---').row?.match).toBe('---');
    for (const eventType of ['', '!!', '--', 'sync_created']) expect(odd(eventType).row).toBeNull();
    expect(createClassify([{ match: 'unnamed_event', action: 'read' }])('!!').row).not.toBeNull();
  });

  it('takes time in proportion to the text, whatever the pattern', () => {
    const hostile = createClassify([{ match: '**a**a**a**a*b', category: 'config', action: 'update' }]);
    const start = performance.now();
    hostile('a'.repeat(3_000));
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('roles in the details', () => {
  const original = JSON.stringify({
    event_type: 'user role changed',
    event_details: { added_roles: ['Reader'] },
  });
  const verbWith = (row: Omit<EventTypeRow, 'match'> | null): string => {
    const rows = row === null ? [] : [{ match: 'user_role_changed', ...row }];
    return createCanonicalize({ event_types: rows })(journaled(original)).classification.verb;
  };

  it('tell a grant from a change, unless a row says what was done', () => {
    expect(verbWith(null)).toBe('grant');
    expect(verbWith({ severity: 'low' })).toBe('grant');
    expect(verbWith({ outcome: 'success' })).toBe('grant');
    expect(verbWith({ action: 'update' })).toBe('update');
    expect(verbWith({ object: 'role_assignment' })).toBe('update');
  });
});

describe('an explanation', () => {
  it('names the words that decided', () => {
    expect(classify('SavedQueryWasDeleted')).toMatchObject({
      tokens: ['saved', 'query', 'deleted'],
      objectWords: 'saved query',
      verbWord: 'deleted',
      rule: 'lexicon',
      row: null,
    });
    expect(classify('api_key_revoked').rule).toBe('api key');
  });

  it('names the word that nobody knows, and the rule that holds a meaning back', () => {
    expect(classify('user_access_reviewed')).toMatchObject({ verbWord: 'reviewed' });
    expect(classify('user_avatar_removed')).toMatchObject({ objectWords: 'user', rule: 'unknown thing' });
    expect(classify('user_deletion_requested')).toMatchObject({ verbWord: 'deletion', rule: 'not done' });
    expect(classify('mfa_enforcement_disabled')).toMatchObject({ objectWords: 'mfa enforcement' });
  });

  it('is remembered, but not of a text that is no name', () => {
    expect(classify('user_login')).toBe(classify('user_login'));
    const long = `user_login_${'x'.repeat(200)}`;
    expect(classify(long)).not.toBe(classify(long));
  });
});
