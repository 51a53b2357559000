import { styleText } from 'node:util';

import type { Terminal } from './terminal.ts';

type Style = Parameters<typeof styleText>[0];

/** Text in a colour, or as it is where nobody sees colours. The text must be safe to show: its own escapes would count. */
export type Paint = (style: Style, text: string) => string;

/** Colours for a terminal that shows them, unless NO_COLOR is set to anything: see no-color.org. */
export function paintOn({ out, env }: Pick<Terminal, 'out' | 'env'>): Paint {
  const coloured = out.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return coloured
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_style, text) => text;
}
