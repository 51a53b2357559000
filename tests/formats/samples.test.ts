import { describe, expect, it } from 'vitest';
import { DOMAINS } from '../../src/formats/vocabulary.ts';
import { parseCef, parseLeef } from './parsers.ts';
import { SAMPLE_FORMATS, sampleEvents, sampleFiles, sampleText } from './samples.ts';
import {
  at,
  cefFaults,
  cimFaults,
  ecsFaults,
  leefFaults,
  ocsfFaults,
  otlpFaults,
  type Document,
} from './validators.ts';

const again = 'to be written anew by npx node tests/formats/write-golden.ts';
const linesOf = (file: string): string[] => sampleText(file).trimEnd().split('\n');
const documentsOf = (file: string): Document[] => linesOf(file).map((line) => JSON.parse(line) as Document);

describe('content/samples', () => {
  it.each([...sampleFiles()])('%s is what the program makes of the events today', (file, text) => {
    expect(sampleText(file), again).toBe(text);
  });

  it('has a line for each event in every file', () => {
    for (const { file } of SAMPLE_FORMATS) expect(linesOf(file)).toHaveLength(sampleEvents().length);
  });

  it.each<[string, (line: string) => string[]]>([
    ['ecs.ndjson', (line) => ecsFaults(JSON.parse(line) as Document)],
    ['ocsf-1.8.0.ndjson', (line) => ocsfFaults(JSON.parse(line) as Document, '1.8.0')],
    ['ocsf-1.5.0.ndjson', (line) => ocsfFaults(JSON.parse(line) as Document, '1.5.0')],
    ['cim.ndjson', (line) => cimFaults(JSON.parse(line) as Document)],
    ['otlp.ndjson', (line) => otlpFaults(JSON.parse(line) as Document)],
    ['cef.log', (line) => cefFaults(parseCef(line).header, parseCef(line).fields)],
    ['leef.log', (line) => leefFaults(parseLeef(line).header, parseLeef(line).fields)],
  ])('%s is valid', (file, faults) => {
    expect(linesOf(file).flatMap((line, index) => faults(line).map((fault) => [index + 1, fault]))).toEqual(
      [],
    );
  });

  it('shows every domain, outcome, severity and kind of actor, and every class of the schemas', () => {
    const events = sampleEvents();
    const seen = (of: (event: (typeof events)[number]) => string): Set<string> => new Set(events.map(of));
    expect([...seen(({ classification }) => classification.domain)].sort()).toEqual(
      [...DOMAINS, 'unknown'].toSorted(),
    );
    expect(seen(({ outcome }) => outcome)).toEqual(new Set(['success', 'failure', 'unknown']));
    expect(seen(({ severity }) => severity)).toEqual(new Set(['informational', 'low', 'medium', 'high']));
    expect(seen(({ actor }) => actor.type)).toEqual(new Set(['user', 'admin', 'service', 'system']));
    const classes = documentsOf('ocsf-1.8.0.ndjson').map((document) => document['class_uid']);
    expect([...new Set(classes)].sort()).toEqual([3001, 3002, 3004, 3005, 3006, 6003]);
    const models = documentsOf('cim.ndjson').map((document) => document['cim_model'] ?? '—');
    expect(new Set(models)).toEqual(new Set(['Authentication', 'Change', '—']));
  });

  it('names the user of every change of rights, and the API key where one acted', () => {
    const events = sampleEvents();
    const rights = events.flatMap(({ classification }, line) =>
      classification.domain === 'privilege' ? [line] : [],
    );
    const keyed = events.flatMap(({ apiKey }, line) => (apiKey === undefined ? [] : [line]));
    expect([rights.length, keyed.length]).toEqual([3, 3]);
    const ecs = documentsOf('ecs.ndjson');
    const ocsf = documentsOf('ocsf-1.8.0.ndjson');
    const cim = documentsOf('cim.ndjson');
    for (const line of rights) {
      expect(at(ecs[line] ?? {}, 'user.target.email')).toBe('bob@acme.example');
      expect(at(ecs[line] ?? {}, 'related.user')).toContain('bob@acme.example');
      expect(at(ocsf[line] ?? {}, 'user.name')).toBe('bob@acme.example');
      expect([cim[line]?.['user'], cim[line]?.['src_user']]).toEqual([
        'bob@acme.example',
        'ana.admin@acme.example',
      ]);
      for (const file of ['cef.log', 'leef.log', 'otlp.ndjson'])
        expect(linesOf(file)[line], file).toContain('bob@acme.example');
    }
    for (const line of keyed)
      for (const { file } of SAMPLE_FORMATS) expect(linesOf(file)[line], file).toContain('terraform');
  });

  it('tells no secret but in the file of what the Platform sends', () => {
    expect(sampleText('platform.ndjson')).toContain('invented-1');
    for (const { file } of SAMPLE_FORMATS)
      expect(sampleText(file), file).not.toMatch(/invented-\d|BEGIN PRIVATE KEY/);
  });
});
