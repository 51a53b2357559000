/**
 * Which of the marks can be read in a text, by where they stand: six characters in a row, as they are, in hex, in base64, percent-encoded,
 * or escaped for JSON or HTML.
 */
export function readable(text: string, marks: Readonly<Record<string, string>>): string[] {
  const shown = text.replaceAll('[secret]', '').toLowerCase();
  const letters = shown.replaceAll(/[^a-z0-9]/g, '');
  const spelled = letters.replaceAll(/u00(?=[2-7][0-9a-f])/g, '');
  return Object.entries(marks).flatMap(([place, mark]) => {
    const found = runsOf(mark).find(
      ({ plain, hex, base64, html }) =>
        shown.includes(plain) ||
        letters.includes(hex) ||
        spelled.includes(hex) ||
        text.includes(base64) ||
        shown.includes(html),
    );
    return found === undefined ? [] : [`${place}: ${found.plain}`];
  });
}

const RUN = 6;

type Writings = { readonly [Writing in 'plain' | 'hex' | 'base64' | 'html']: string };

const known = new Map<string, readonly Writings[]>();

function runsOf(mark: string): readonly Writings[] {
  const made = known.get(mark) ?? writingsOf(mark);
  known.set(mark, made);
  return made;
}

function writingsOf(mark: string): readonly Writings[] {
  const runs = Array.from({ length: mark.length - RUN + 1 }, (_, at) => mark.slice(at, at + RUN));
  return runs.map((run) => ({
    plain: run.toLowerCase(),
    hex: Buffer.from(run).toString('hex'),
    base64: Buffer.from(run).toString('base64').slice(0, 8),
    html: [...run]
      .map((one) => `&#${one.charCodeAt(0)};`)
      .join('')
      .toLowerCase(),
  }));
}
