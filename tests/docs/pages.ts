import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** One page of documentation. `path` is relative to the repository. */
export interface DocsPage {
  readonly path: string;
  readonly text: string;
}

/** One fenced block. `line`: where its fence stands. */
export interface Block {
  readonly path: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const FOLDERS = ['docs', 'deploy', 'content'];

/** Every page that a reader of the repository may come to. */
export function readPages(): readonly DocsPage[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const below = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  );
  return [...top, ...below].map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

export function blocksOf({ path, text }: DocsPage): readonly Block[] {
  return [...text.matchAll(/^( *)```(\w+)\n([^]*?)\n\1```$/gm)].map((match) => {
    const [, indent = '', language = '', body = ''] = match;
    const line = text.slice(0, match.index).split('\n').length;
    return { path, line, language, text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
  });
}

/** A link to a place in the repository. */
export interface Link {
  readonly from: string;
  /** Relative to the repository. */
  readonly to: string;
  readonly anchor: string | null;
}

/** Links in the text, without those in code. */
export function linksOf({ path, text }: DocsPage): readonly Link[] {
  const prose = text.replaceAll(/^( *)```[^]*?\n\1```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]*))?\)/g)].map(([, file = '', anchor]) => ({
    from: path,
    to: file === '' ? path : relative(ROOT, resolve(ROOT, dirname(path), file)),
    anchor: anchor ?? null,
  }));
}

/** The anchors of a page, as GitHub makes them of its headings. */
export function anchorsOf({ text }: DocsPage): ReadonlySet<string> {
  const prose = text.replaceAll(/^( *)```[^]*?\n\1```$/gm, '');
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose.matchAll(/^#{1,6} +(.*)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    anchors.add(times === 0 ? slug : `${slug}-${times}`);
  }
  return anchors;
}
