/** A small reader of Prometheus text and OpenMetrics, strict where the formats are. */
export interface Family {
  readonly name: string;
  type: string;
  help: string;
  unit: string;
  readonly samples: Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"(?:,|$)/gy;

export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let current = undefined as Family | undefined;
  for (const line of text.split('\n')) {
    if (line === '' || line === '# EOF') continue;
    const meta = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line);
    if (meta !== null) {
      const [, keyword = '', name = '', rest = ''] = meta;
      if (current?.name !== name) {
        if (families.has(name)) throw new Error(`the family ${name} is torn apart`);
        current = { name, type: '', help: '', unit: '', samples: [] };
        families.set(name, current);
      }
      if (keyword === 'HELP') current.help = rest;
      else if (keyword === 'TYPE') current.type = rest;
      else current.unit = rest;
      continue;
    }
    const sample = readSample(line);
    if (current === undefined || !sample.name.startsWith(current.name))
      throw new Error(`a stray sample: ${line}`);
    current.samples.push(sample);
  }
  return families;
}

function readSample(line: string): Sample {
  const match = LINE.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const [, name = '', inside = '', value = ''] = match;
  const labels: Record<string, string> = {};
  let read = 0;
  for (const [whole, key = '', text = ''] of inside.matchAll(LABEL)) {
    labels[key] = text;
    read += whole.length;
  }
  if (read !== inside.length) throw new Error(`broken labels: ${line}`);
  if (Number.isNaN(Number(value))) throw new Error(`not a number: ${line}`);
  return { name, labels, value: Number(value) };
}
