import { describe, expect, it } from 'vitest';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { CanonicalEvent, Format } from '../../src/formats/format.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { OTLP } from './catalogue.ts';
import { BARE_ORIGIN, generatedEvents, ORIGIN } from './events.ts';
import { parseCef, parseLeef } from './parsers.ts';
import {
  cefFaults,
  cimFaults,
  ecsFaults,
  leefFaults,
  ocsfFaults,
  otlpFaults,
  type Document,
} from './validators.ts';

type Check = (line: string, event: CanonicalEvent) => string[];

const json =
  (check: (document: Document) => string[]): Check =>
  (line) =>
    check(JSON.parse(line) as Document);

const FORMATS: readonly { readonly name: string; readonly format: Format; readonly check: Check }[] = [
  { name: 'raw', format: rawFormat.create({}), check: json(() => []) },
  { name: 'raw, kept', format: rawFormat.create({ redact: false }), check: json(() => []) },
  { name: 'ecs', format: ecsFormat.create({}), check: json(ecsFaults) },
  { name: 'ocsf 1.8.0', format: ocsfFormat.create({}), check: json((d) => ocsfFaults(d, '1.8.0')) },
  {
    name: 'ocsf 1.5.0',
    format: ocsfFormat.create({ version: '1.5.0' }),
    check: json((d) => ocsfFaults(d, '1.5.0')),
  },
  {
    name: 'ocsf, one class',
    format: ocsfFormat.create({ single_class: true }),
    check: json((d) => [...ocsfFaults(d, '1.8.0'), ...(d['class_uid'] === 6003 ? [] : ['another class'])]),
  },
  { name: 'cim', format: cimFormat.create({}), check: json(cimFaults) },
  { name: 'cef', format: cefFormat.create({}), check: checkCef },
  { name: 'otlp', format: OTLP, check: json(otlpFaults) },
  { name: 'leef', format: leefFormat.create({}), check: checkLeef },
  { name: 'leef 1.0', format: leefFormat.create({ version: '1.0' }), check: checkLeef },
];

function checkCef(line: string): string[] {
  const { header, fields, repeated } = parseCef(line);
  return [...cefFaults(header, fields), ...repeated.map((key) => `${key} twice`)];
}

function checkLeef(line: string): string[] {
  const { header, fields, repeated } = parseLeef(line);
  return [...leefFaults(header, fields), ...repeated.map((key) => `${key} twice`)];
}

/** Everything that some reader takes for the end of a line. */
const LINE_END = /[\n\r\u0085\u2028\u2029]/;

/** Ten thousand take about 20 seconds of one core: `AUDITFERRY_GENERATED_EVENTS=10000 npx vitest run tests/formats/generated.test.ts`. */
const COUNT = Number(process.env['AUDITFERRY_GENERATED_EVENTS'] ?? 2_000);

describe(`${COUNT} generated events`, { timeout: 300_000 }, () => {
  const canonicalize = createCanonicalize();
  const events = generatedEvents(COUNT, 20_260_102).map(canonicalize);

  it.each(FORMATS)('are valid in $name', ({ format, check }) => {
    const faults = new Map<string, string>();
    for (const [index, event] of events.entries()) {
      const line = format.render(event, index % 2 === 0 ? ORIGIN : BARE_ORIGIN);
      const found = check(line, event);
      // A request of OpenTelemetry is no line of anything.
      if (format !== OTLP && LINE_END.test(line)) found.push('more than one line');
      if (!line.isWellFormed()) found.push('half a character');
      for (const fault of found)
        faults.set(fault, faults.get(fault) ?? `event ${index}: ${line.slice(0, 400)}`);
    }
    expect([...faults].slice(0, 10)).toEqual([]);
  });

  it('hold every kind of thing the tables speak of', () => {
    const domains = new Set(events.map((event) => event.classification.domain));
    expect([...domains].sort()).toEqual(
      'audit auth config content credential data group policy privilege role run security_settings settings unknown user'.split(
        ' ',
      ),
    );
    expect(new Set(events.map((event) => event.outcome)).size).toBe(3);
    expect(new Set(events.map((event) => event.actor.type)).size).toBe(4);
  });
});
