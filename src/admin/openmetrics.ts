/**
 * Prometheus text, as the exporter's serializer writes it, into OpenMetrics 1.0: a counter's family is named without
 * `_total`, a unit is the end of that name, there are no empty lines, and the text ends with `# EOF`.
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set<string>();
  for (const [, name = ''] of text.matchAll(/^# TYPE (\S+)_total counter$/gm)) counters.add(name);
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => withFamilyName(line, counters));
  return `${lines.join('\n')}\n# EOF\n`;
}

const METADATA = /^# (HELP|TYPE|UNIT) (\S+)_total( .*)?$/;

function withFamilyName(line: string, counters: ReadonlySet<string>): string {
  const match = METADATA.exec(line);
  if (match === null) return line;
  const [, keyword = '', name = '', rest = ''] = match;
  return counters.has(name) ? `# ${keyword} ${name}${rest}` : line;
}
