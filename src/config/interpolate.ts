import { resolve } from 'node:path';

import { oneLine } from '../model/errors.ts';
import { readSmallFile, whyUnreadable } from '../model/small-file.ts';

/** A scalar's text cut at its `${…}` places. */
export interface Template {
  readonly pieces: readonly Piece[];
  /** The whole scalar is one interpolation: its value may stand for a number or a boolean. */
  readonly whole: boolean;
}

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string; readonly fallback: string | null }
  | { readonly kind: 'file'; readonly path: string };

export type Environment = Readonly<Record<string, string | undefined>>;

const PLACE = /\$\$|\$\{([^{}]*)\}|\$\{?/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * The template of a scalar, null when there is nothing to put in, or what is wrong with it. `$$` stands for a dollar; a
 * dollar that no brace follows stands for itself.
 */
export function parseTemplate(text: string): Template | null | { readonly wrong: string } {
  if (!text.includes('$')) return null;
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACE)) {
    if (match.index > end) pieces.push({ kind: 'text', text: text.slice(end, match.index) });
    end = match.index + match[0].length;
    if (match[0] === '$$' || match[0] === '$') {
      pieces.push({ kind: 'text', text: '$' });
      continue;
    }
    const piece = match[1] === undefined ? null : parsePlace(match[1]);
    if (piece === null) {
      return {
        wrong:
          'holds a ${…} that cannot be read; expected ${NAME}, ${NAME:-default} or ${file:/path}, and $$ for a dollar',
      };
    }
    pieces.push(piece);
  }
  if (end < text.length) pieces.push({ kind: 'text', text: text.slice(end) });
  return { pieces, whole: pieces.length === 1 && pieces[0]?.kind !== 'text' };
}

function parsePlace(inner: string): Piece | null {
  if (inner.startsWith('file:')) {
    const path = inner.slice('file:'.length).trim();
    return path === '' || path.includes('\0') ? null : { kind: 'file', path };
  }
  const [, name, fallback] = VARIABLE.exec(inner) ?? [];
  return name === undefined ? null : { kind: 'variable', name, fallback: fallback ?? null };
}

/** Whether any part of the value comes from outside the file. */
export function isInterpolated(template: Template): boolean {
  return template.pieces.some((piece) => piece.kind !== 'text');
}

/**
 * Today's value. Throws an Error whose message names the variable or the file, never a value. Relative paths start from
 * `folder`; white space at a file's end is dropped, since editors and `echo` leave a line break there.
 */
export function evaluate(template: Template, env: Environment, folder: string): string {
  return template.pieces.map((piece) => evaluatePiece(piece, env, folder)).join('');
}

function evaluatePiece(piece: Piece, env: Environment, folder: string): string {
  if (piece.kind === 'text') return piece.text;
  if (piece.kind === 'file') return readValue(piece.path, folder);
  // As in a shell, `:-` also steps in for a variable that is set but empty.
  const value = Object.hasOwn(env, piece.name) ? env[piece.name] : undefined;
  if (value !== undefined && !(value === '' && piece.fallback !== null)) return value;
  if (piece.fallback !== null) return piece.fallback;
  throw new Error(
    `the environment variable ${piece.name} is not set; set it, or write \${${piece.name}:-default}`,
  );
}

function readValue(path: string, folder: string): string {
  const shown = oneLine(path, 200);
  let bytes: Buffer;
  try {
    bytes = readSmallFile(resolve(folder, path));
  } catch (error) {
    const why = whyUnreadable(error);
    throw new Error(`the file ${shown} cannot be read (${why}); expected a file that holds the value`, {
      cause: error,
    });
  }
  return bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimEnd();
}
