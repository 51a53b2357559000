import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cimFormat } from '../../src/formats/cim.ts';
import { canonicalOf, ORIGIN } from './events.ts';

type Stanzas = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Reads a Splunk .conf file: stanzas of `key = value`. */
function conf(name: string): Stanzas {
  const stanzas: Record<string, Record<string, string>> = {};
  let stanza: Record<string, string> = {};
  const text = readFileSync(
    new URL(`../../content/splunk/TA-auditferry/default/${name}`, import.meta.url),
    'utf8',
  );
  for (const line of text.split('\n')) {
    const header = /^\[(.*)\]$/.exec(line)?.[1];
    if (header !== undefined) stanza = stanzas[header] = {};
    const pair = /^([^#=\s][^=]*?)\s*=\s*(.*)$/.exec(line);
    if (header === undefined && pair !== null) stanza[pair[1] ?? ''] = pair[2] ?? '';
  }
  return stanzas;
}

/** The tags that Splunk would give this event: the terms of an event type's search are all `field=value`. */
function tagsOf(item: object): string[] {
  const document = {
    sourcetype: 'cloudquery:platform:audit',
    ...(JSON.parse(cimFormat.create({}).render(canonicalOf(item), ORIGIN)) as object),
  };
  const tags = conf('tags.conf');
  return Object.entries(conf('eventtypes.conf'))
    .filter(([, { search = '' }]) =>
      search.split(' ').every((term) => {
        const [field = '', value] = term.split('=');
        return String((document as Record<string, unknown>)[field]) === value;
      }),
    )
    .flatMap(([name]) => Object.keys(tags[`eventtype=${name}`] ?? {}))
    .sort();
}

describe('the Splunk add-on', () => {
  it.each([
    ['user_login', true, ['authentication']],
    ['user_login', false, ['authentication']],
    ['user_logout', true, ['change']],
    ['user_deleted', true, ['account', 'change']],
    ['password_reset', true, ['account', 'change']],
    ['sync.created', true, ['change']],
    ['api_key_deleted', true, ['change']],
    ['audit_log_deleted', true, ['audit', 'change']],
    ['sync_run_started', true, []],
    ['quantum.flux', true, []],
  ])('tags %s (%s) with %j', (eventType, isSuccess, tags) => {
    expect(
      tagsOf({ id: 'e', event_type: eventType, is_success: isSuccess, entity_display_name: 'x' }),
    ).toEqual(tags);
  });

  it('has an event type for every tag', () => {
    const types = Object.keys(conf('eventtypes.conf'));
    for (const stanza of Object.keys(conf('tags.conf')))
      expect(types).toContain(stanza.replace('eventtype=', ''));
  });
});
