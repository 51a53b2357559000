import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeFolder, run, startPlatform } from './program.ts';
import type { Folder, SimulatedPlatform } from './program.ts';

let folder: Folder;
let platform: SimulatedPlatform | null = null;

beforeEach(() => {
  folder = makeFolder();
});
afterEach(async () => {
  await platform?.stop();
  platform = null;
  folder.remove();
});

interface Document {
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly records: number;
}

it('a file of exported records shows each of the four ways to tamper with it', async () => {
  platform = await startPlatform(['--history', '6h', '--rate', '2']);
  await platform.set({ rate: 0 });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  folder.write('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const pub = folder.write('pub.pem', publicKey.export({ type: 'spki', format: 'pem' }).toString());
  const sinks = ['raw', 'ecs', 'ocsf', 'cim', 'cef', 'leef'].map(
    (format) => `  ${format}: { type: file, path: ./out/${format}, format: ${format} }`,
  );
  const file = folder.write(
    'auditferry.yaml',
    `state: { dir: ./state }
admin: { listen: "off" }
log: { format: json }
heartbeat: { every: 5m, signing_key: "\${file:key.pem}" }
sources:
  platform: { type: cloudquery, url: "${platform.url}", api_key: "\${PLATFORM_KEY}", start: 30d }
sinks:
${sinks.join('\n')}
`,
  );
  const carried = await run(['run', '-c', file, '--once'], { env: { PLATFORM_KEY: 'demo-key' } });
  expect(carried.code, carried.stderr.slice(-2000)).toBe(0);
  const verify = async (lines: readonly string[]): Promise<{ code: number | null; document: Document }> => {
    const path = folder.write('export', lines.join('\n'));
    const { code, stdout } = await run(['verify', '--records', path, '--public-key', pub, '--json']);
    return { code, document: JSON.parse(stdout) as Document };
  };
  for (const format of ['raw', 'ecs', 'ocsf', 'cim', 'cef', 'leef']) {
    const lines = readFileSync(`${folder.path}/out/${format}`, 'utf8').trimEnd().split('\n');
    const whole = await verify(lines);
    expect({ code: whole.code, reasons: whole.document.reasons }, format).toEqual({ code: 0, reasons: [] });
    expect(whole.document.records).toBe(lines.length - 1);
    const at = (index: number): string => lines[index] ?? '';
    const changed = at(30).replace(/@acme/, '@evil');
    for (const [word, tampered] of [
      ['deleted', lines.toSpliced(10, 3)],
      ['changed', lines.with(30, changed === at(30) ? at(30).replace(/[a-z](?=[a-z]{3})/, 'Z') : changed)],
      ['repeated', lines.toSpliced(50, 0, at(20))],
      ['reordered', lines.with(60, at(61)).with(61, at(60))],
    ] as const) {
      const { code, document } = await verify(tampered);
      expect({ code, verdict: document.verdict }, `${format} ${word}`).toEqual({
        code: 3,
        verdict: 'incomplete',
      });
      expect(document.reasons, `${format} ${word}`).toEqual([expect.stringContaining(`${word}: seq`)]);
    }
  }
});
