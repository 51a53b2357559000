import { createCanonicalize } from '../../src/formats/canonical.ts';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { Format, Origin } from '../../src/formats/format.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { readJson } from '../../src/formats/json.ts';
import { encodeItem, encodeRequest } from '../../src/sinks/otlp/request.ts';
import { fixtureText } from './validators.ts';
import { journaled } from './events.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

/** Worked examples: events with invented names and addresses, and what each format makes of them. */
export const EXAMPLES = [
  '1-login-success',
  '2-login-failure',
  '3-sync-created',
  '4-roles-changed',
  '5-api-key-deleted',
  '6-unknown-type',
];

export const EXAMPLE_ORIGIN: Origin = {
  product: CLOUDQUERY,
  instance: 'acme.mycloudquery.com',
  apiVersion: 'v2',
  platformVersion: '1.42.0',
  tenantId: '7d3f0a1e-2f5b-4d7e-9c00-00000000a001',
  forwarderVersion: '0.1.0',
  labels: { environment: 'production' },
};

/** The OpenTelemetry sink's own shape, as one request with one event. */
export const OTLP: Format = {
  name: 'otlp',
  kind: 'json',
  render: (canonical, origin) => {
    const item = { canonical, origin, body: canonical.originalText, kind: 'json' as const };
    return encodeRequest([encodeItem(item, 0, 'json', false)], 'json', {}).toString();
  },
};

/** Every shape in which an event leaves, by the name of its golden file. */
export const CATALOGUE: readonly {
  readonly file: string;
  readonly title: string;
  readonly format: Format;
}[] = [
  { file: 'raw.json', title: '`raw`', format: rawFormat.create({}) },
  { file: 'ecs.json', title: '`ecs`: Elastic Common Schema 9.4', format: ecsFormat.create({}) },
  { file: 'ocsf.json', title: '`ocsf`: OCSF 1.8.0', format: ocsfFormat.create({}) },
  {
    file: 'ocsf-single-class.json',
    title: '`ocsf` with `single_class: true`',
    format: ocsfFormat.create({ single_class: true }),
  },
  {
    file: 'ocsf-1.5.0.json',
    title: '`ocsf` with `version: 1.5.0`',
    format: ocsfFormat.create({ version: '1.5.0' }),
  },
  { file: 'cim.json', title: '`cim`: Splunk Common Information Model', format: cimFormat.create({}) },
  { file: 'cef.txt', title: '`cef`: ArcSight CEF:0', format: cefFormat.create({}) },
  { file: 'leef.txt', title: '`leef`: QRadar LEEF 2.0', format: leefFormat.create({}) },
  { file: 'otlp.json', title: 'The `otlp` sink: a log record of OpenTelemetry', format: OTLP },
];

/** One example in one format. */
export function renderExample(example: string, format: Format): string {
  const original = fixtureText(`examples/${example}.json`).trimEnd();
  return format.render(createCanonicalize()(journaled(original)), EXAMPLE_ORIGIN);
}

/** JSON as people read it; text as it is. */
export function shown(format: Format, line: string): string {
  return format.kind === 'json' ? JSON.stringify(readJson(line).value, null, 2) : line;
}

/** The example that docs/formats.md shows side by side. */
const SHOWN_EXAMPLE = '5-api-key-deleted';
/** Text of the whole event is repeated in three formats; the page shows its beginning. */
const SHOWN_ORIGINAL_UNITS = 60;

/** docs/formats.md: one event in every format, generated so that it can be checked. */
export function cataloguePage(introduction: string): string {
  const sections = CATALOGUE.map(({ title, format }) => {
    const text = shown(format, renderExample(SHOWN_EXAMPLE, format)).replace(
      /^( *"(?:original|raw_data)": ")(.*)(",?)$/gm,
      (_line, head: string, body: string, tail: string) =>
        `${head}${body.slice(0, SHOWN_ORIGINAL_UNITS).replace(/\\*$/, '')}…${tail}`,
    );
    return `### ${title}\n\n\`\`\`${format.kind === 'json' ? 'json' : 'text'}\n${text.replaceAll('\t', '⇥')}\n\`\`\`\n`;
  });
  return `${introduction}\n${sections.join('\n')}`;
}
