/** Units that make a parser go back, count, nest or escape when there are many of them. */
const UNITS: readonly string[] = [
  ...[
    'a',
    ' ',
    '\n',
    '\t',
    '\\',
    '"',
    "'",
    '[',
    '{',
    '(',
    '<',
    '&',
    '%',
    '$',
    '*',
    '?',
    '.',
    ',',
    ':',
    ';',
    '-',
    '=',
    '|',
    '#',
  ],
  ...[
    '0',
    '1.',
    '1h',
    ' a',
    'a ',
    'a=',
    ' a=',
    '\\"',
    '""',
    '[]',
    '{}',
    '[1,',
    '{"a":',
    '"a":1,',
    '{"a":1}\n',
    '<Key>',
    '<a',
  ],
  ...[
    '&#x41;',
    '&amp',
    '%41',
    '%25',
    '\\u0041',
    '\\ud800',
    '${',
    '$$',
    '${A}',
    '*a',
    '?*',
    '- ',
    'a: ',
    '&a ',
    '*a ',
    '!!',
    '::',
    ':0',
  ],
  ...[
    'é',
    '\u2028',
    '\ud800',
    '😀',
    'aB',
    '_-',
    'a.b',
    '1,',
    '1-2,',
    'CEF:0|',
    'LEEF:',
    '[a b="',
    ' [',
    'http://',
    '@',
    '/',
    '//',
    '../',
  ],
];

const SMALL = 6_000;
const LARGE = 4 * SMALL;
/** Below it nothing is measured but noise. Milliseconds. */
const NOISE_MS = 60;
/** Four times the text may take eight times as long. Work that grows with the square takes sixteen. */
const GROWTH_MOST = 8;
const TRIES = 3;

/**
 * The units of which four times as many cost more than eight times the processor's time, each time that it is measured. It is the time of
 * this process, which others on the machine do not lengthen.
 */
export function growsTooFast(
  run: (text: string) => unknown,
  around: readonly [string, string] = ['', ''],
  units: readonly string[] = UNITS,
): string[] {
  const [before, after] = around;
  const costMs = (unit: string, length: number): number => {
    const text = before + unit.repeat(Math.ceil(length / unit.length)) + after;
    const start = process.cpuUsage();
    run(text);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
  return units.filter((unit) => {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const large = costMs(unit, LARGE);
      if (large < NOISE_MS || large < GROWTH_MOST * costMs(unit, SMALL)) return false;
    }
    return true;
  });
}
