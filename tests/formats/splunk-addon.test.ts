import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cimFormat } from '../../src/formats/cim.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import type { CanonicalEvent } from '../../src/formats/format.ts';
import { floorTo, parseTime } from '../../src/model/time.ts';
import { canonicalOf, ORIGIN, simulatedEvents } from './events.ts';
import { cimFaults, type Document } from './validators.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const cim = cimFormat.create({});

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
function tagsOf(event: CanonicalEvent): string[] {
  const document = {
    sourcetype: 'cloudquery:platform:audit',
    ...(JSON.parse(cim.render(event, ORIGIN)) as object),
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
      tagsOf(
        canonicalOf({ id: 'e', event_type: eventType, is_success: isSuccess, entity_display_name: 'x' }),
      ),
    ).toEqual(tags);
  });

  it('finds in files the time of the event itself, to the microsecond', () => {
    const props = conf('props.conf')['cloudquery:platform:audit'] ?? {};
    const prefix = new RegExp(props['TIME_PREFIX'] ?? '(?!)');
    const canonicalize = createCanonicalize();
    expect([props['TIME_FORMAT'], props['TZ']]).toEqual(['%Y-%m-%dT%H:%M:%S.%6NZ', 'UTC']);
    for (const original of simulatedEvents(500)) {
      const event = canonicalize(original);
      const line = cim.render(event, ORIGIN);
      const found = prefix.exec(line);
      const after = line.slice(
        found?.[0].length,
        Number(props['MAX_TIMESTAMP_LOOKAHEAD']) + (found?.[0].length ?? 0),
      );
      expect([found?.index, after]).toEqual([0, expect.stringMatching(/^[\d-]{10}T[\d:]{8}\.\d{6}Z$/)]);
      expect(parseTime(after)).toBe(floorTo(event.createdNs, 1000n));
    }
  });

  it('gives each event the tags of exactly the data model whose fields it has', () => {
    const seen = new Map<string, number>();
    for (const event of simulatedEvents(2000).map(createCanonicalize())) {
      const document = JSON.parse(cim.render(event, ORIGIN)) as Document;
      const tags = tagsOf(event);
      const model = tags.includes('authentication')
        ? 'Authentication'
        : tags.includes('change')
          ? 'Change'
          : '';
      expect([document['cim_model'] ?? '', cimFaults(document)]).toEqual([model, []]);
      // The model takes the category away from an event that has only one of the two.
      expect(tags.includes('account')).toBe(document['object_category'] === 'user' && model === 'Change');
      seen.set(tags.join(), (seen.get(tags.join()) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual([
      '',
      'account,change',
      'audit,change',
      'authentication',
      'change',
    ]);
  });

  it('finds runs that failed by their event type, and by what failed', () => {
    const run = conf('eventtypes.conf')['cloudquery_run']?.['search'];
    expect(run).toBe('sourcetype=cloudquery:platform:audit domain=run');
    const failed = simulatedEvents(2000)
      .map(createCanonicalize())
      .map((event) => JSON.parse(cim.render(event, ORIGIN)) as Document)
      .filter((document) => document['event_type'] === 'sync.run.failed');
    expect(failed.length).toBeGreaterThan(10);
    for (const document of failed)
      expect(document).toMatchObject({
        domain: 'run',
        action: 'stopped',
        status: 'failure',
        object: expect.any(String) as string,
        object_category: 'sync_run',
      });
  });

  it('is one version everywhere', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    const app = conf('app.conf');
    const manifest = JSON.parse(read('content/splunk/TA-auditferry/app.manifest')) as {
      info: { id: { name: string; version: string } };
    };
    const ids = [app['id'], app['launcher'], manifest.info.id].map((part) => part?.['version']);
    expect(ids).toEqual([version, version, version]);
    expect([app['id']?.['name'], app['package']?.['id'], manifest.info.id.name]).toEqual(
      Array(3).fill('TA-auditferry'),
    );
  });

  it('has an event type for every tag', () => {
    const types = Object.keys(conf('eventtypes.conf'));
    for (const stanza of Object.keys(conf('tags.conf')))
      expect(types).toContain(stanza.replace('eventtype=', ''));
  });
});
