import { readFileSync } from 'node:fs';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsCategories } from '../../src/formats/ecs-categories.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { CanonicalEvent, Format } from '../../src/formats/format.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { createEnvelope, envelopeText } from '../../src/sinks/splunk/envelope.ts';
import { EXAMPLE_ORIGIN, OTLP } from './catalogue.ts';
import { journaled } from './events.ts';
import type { Document } from './validators.ts';

/** content/samples: one event of every class as the Platform sends it, and what every format makes of it, line by line. */
const FOLDER = new URL('../../content/samples/', import.meta.url);
const INPUT = 'platform.ndjson';

const cim = cimFormat.create({});
const envelope = createEnvelope({
  index: 'audit',
  host: undefined,
  source: undefined,
  sourcetype: 'cloudquery:platform:audit',
});
/** What the splunk_hec sink sends: one object of a request for each event. */
const HEC: Format = {
  name: 'splunk_hec',
  kind: 'json',
  render: (canonical, origin) =>
    envelopeText(envelope({ canonical, origin, body: cim.render(canonical, origin), kind: 'json' })),
};

export const SAMPLE_FORMATS: readonly {
  readonly file: string;
  readonly about: string;
  readonly format: Format;
}[] = [
  {
    file: 'raw.ndjson',
    about: '`raw`: as the Platform sends it, without secrets',
    format: rawFormat.create({}),
  },
  { file: 'ecs.ndjson', about: '`ecs`: Elastic Common Schema 9.4', format: ecsFormat.create({}) },
  { file: 'ocsf-1.8.0.ndjson', about: '`ocsf`: OCSF 1.8.0', format: ocsfFormat.create({}) },
  {
    file: 'ocsf-1.5.0.ndjson',
    about: '`ocsf` with `version: 1.5.0`',
    format: ocsfFormat.create({ version: '1.5.0' }),
  },
  { file: 'cim.ndjson', about: '`cim`: Splunk Common Information Model', format: cim },
  {
    file: 'splunk-hec.ndjson',
    about: 'what the sink `splunk_hec` sends: `cim` in its envelope',
    format: HEC,
  },
  { file: 'cef.log', about: '`cef`: ArcSight CEF:0', format: cefFormat.create({}) },
  { file: 'leef.log', about: '`leef`: QRadar LEEF 2.0', format: leefFormat.create({}) },
  {
    file: 'otlp.ndjson',
    about: 'what the sink `otlp` sends, each event as a request of its own',
    format: OTLP,
  },
];

export function sampleText(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8');
}

export function samplePlace(file: string): URL {
  return new URL(file, FOLDER);
}

export function sampleEvents(): readonly CanonicalEvent[] {
  const canonicalize = createCanonicalize();
  return sampleText(INPUT)
    .trimEnd()
    .split('\n')
    .map((line, index) => canonicalize(journaled(line, { seq: BigInt(index + 1) })));
}

/** Every generated file of the folder, by name. */
export function sampleFiles(): ReadonlyMap<string, string> {
  const events = sampleEvents();
  const files = SAMPLE_FORMATS.map(({ file, format }): [string, string] => [
    file,
    events.map((event) => `${format.render(event, EXAMPLE_ORIGIN)}\n`).join(''),
  ]);
  return new Map([...files, ['README.md', readme(events)]]);
}

function readme(events: readonly CanonicalEvent[]): string {
  const files = SAMPLE_FORMATS.map(({ file, about }) => `| \`${file}\` | ${about} |`);
  const rows = events.map((event, index) => {
    const { eventType, domain, object, verb } = event.classification;
    const { category, type } = ecsCategories(event);
    const ocsf = JSON.parse(ocsfFormat.create({}).render(event, EXAMPLE_ORIGIN)) as Document;
    const model = JSON.parse(cim.render(event, EXAMPLE_ORIGIN)) as { cim_model?: string; action?: string };
    const cells = [
      index + 1,
      `\`${eventType}\``,
      `${domain} · ${object} · ${verb}`,
      event.outcome,
      event.severity,
      [category.join(', ') || '—', type.join(', ')].join(' / '),
      `${ocsf['type_uid'] as number} ${ocsf['class_name'] as string}: ${ocsf['activity_name'] as string}`,
      [model.cim_model ?? '—', model.action ?? '—'].join(' / '),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return `# Samples

Invented events, one at least of every class, as the Platform sends them (\`${INPUT}\`) and as each format writes them. Line N of every file is the same event, so that parsers, mappings and rules can be
tried without an installation. Event types, names and addresses are made up; what looks like a secret is none, and shows what redaction does. Generated from \`${INPUT}\` by
\`npx node tests/formats/write-golden.ts\`; a test keeps the files the same as the program.

| file | |
|---|---|
| \`${INPUT}\` | what the API returns |
${files.join('\n')}

| line | event type | domain · object · action | outcome | severity | ECS category / type | OCSF 1.8 | CIM model / action |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}
`;
}
