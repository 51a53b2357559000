import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Folder } from '../e2e/program.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const BLOCK = /^```(\w+)\n([^]*?)\n```$/gm;

/** One fenced block of a page, in the order of the page. */
interface Block {
  readonly language: string;
  readonly text: string;
}

export interface Step {
  readonly commands: string;
  readonly code: number | null;
  readonly output: string;
}

/** The page of docs/guides with this name. */
export function guide(name: string): string {
  return readFileSync(join(ROOT, 'docs/guides', `${name}.md`), 'utf8');
}

/**
 * Does what a guide says, in a folder: a block `yaml` is the file that its first line names, a block `sh` is run by bash,
 * which ends at the first command that fails. `places` are the addresses that stand in the guide, and what they are here.
 */
export async function follow(
  name: string,
  folder: Folder,
  places: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  let exported = '';
  for (const { language, text } of blocksOf(guide(name), places)) {
    if (language === 'yaml') {
      const [, file = ''] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
      if (file === '') throw new Error(`${name}: a block of YAML does not say which file it is`);
      folder.write(file, text);
    } else if (language === 'sh') {
      const step = await run(`${exported}${text}`, folder, env);
      steps.push({ ...step, commands: text });
      if (step.code !== 0) break;
      // A reader stays in one shell.
      exported += (text.match(/^(?:export|umask) .*$/gm) ?? []).map((line) => `${line}\n`).join('');
    }
  }
  return steps;
}

function blocksOf(page: string, places: Readonly<Record<string, string>>): readonly Block[] {
  const here = Object.entries(places).reduce((text, [from, to]) => text.replaceAll(from, to), page);
  return [...here.matchAll(BLOCK)].map(([, language = '', text = '']) => ({ language, text }));
}

async function run(
  commands: string,
  folder: Folder,
  env: Readonly<Record<string, string>>,
): Promise<Omit<Step, 'commands'>> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: folder.path,
    env: { PATH: `${programFolder(folder)}:${process.env['PATH'] ?? ''}`, HOME: folder.path, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (output += bytes.toString('utf8')));
  const code = await new Promise<number | null>((done) => child.on('close', done));
  return { code, output };
}

/** Holds `auditferry`, the built program on the runtime of the tests. */
function programFolder(folder: Folder): string {
  const path = join(folder.path, '.bin');
  mkdirSync(path, { recursive: true });
  const file = join(path, 'auditferry');
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'dist/cli/main.js')}' "$@"\n`);
  chmodSync(file, 0o755);
  return path;
}
