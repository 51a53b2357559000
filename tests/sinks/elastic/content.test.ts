import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { contentFiles } from './content-files.ts';

const FOLDER = fileURLToPath(new URL('../../../content/elastic/', import.meta.url));

/** UPDATE_CONTENT=1 writes the files anew. */
function update(): void {
  for (const [path, content] of contentFiles()) {
    mkdirSync(dirname(join(FOLDER, path)), { recursive: true });
    writeFileSync(join(FOLDER, path), `${JSON.stringify(content, null, 2)}\n`);
  }
}

describe('content/elastic', () => {
  it('is what the program itself installs', () => {
    if (process.env['UPDATE_CONTENT'] === '1') update();
    const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.json'),
    );
    expect(files.sort()).toEqual([...contentFiles().keys()].sort());
    for (const [path, content] of contentFiles()) {
      expect(JSON.parse(readFileSync(join(FOLDER, path), 'utf8')), path).toEqual(content);
    }
  });
});
