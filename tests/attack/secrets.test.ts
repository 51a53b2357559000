import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { effectiveConfig } from '../../src/cli/verify/fingerprint.ts';
import type { Config } from '../../src/config/config.ts';
import { FileError } from '../../src/config/problems.ts';
import { parseConfig } from '../../src/config/load.ts';
import { guardOf } from '../../src/model/credential-guard.ts';
import { configured, everyPlace, parts } from './places.ts';
import { readable as readableOf } from './readable.ts';

/** Stands in every place; no word of ours shares six characters with it. */
const MARK = 'q7Xk2Vw9Zr4Tn8Bp';

const readable = (text: string): string | undefined => readableOf(text, { mark: MARK })[0];

const WRITINGS: Readonly<Record<string, (text: string) => string>> = {
  'as it is': String,
  'in capitals': (text) => text.toUpperCase(),
  'percent-encoded': (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join(''),
  'in base64': (text) => Buffer.from(text).toString('base64'),
  'in base64 after a user name': (text) => Buffer.from(`ana:${text}`).toString('base64'),
  'escaped as in JSON': (text) => [...text].map((one) => `\\u00${one.charCodeAt(0).toString(16)}`).join(''),
  'in hex': (text) => Buffer.from(text).toString('hex'),
  'cut short': (text) => text.slice(0, 9),
};

describe('a secret in any place of the configuration', () => {
  const places = everyPlace();

  it('finds every place', () => {
    expect(places.length).toBeGreaterThan(18);
    for (const type of [
      'splunk_hec',
      'elasticsearch',
      'http',
      'otlp',
      's3',
      'kafka',
      'sentinel',
      'cloudquery',
    ])
      expect(places.map((place) => place.type)).toContain(type);
  });

  it.each(places)('$name is shown by nothing that shows the configuration', (place) => {
    const mark =
      place.path.at(-1) === 'url'
        ? `postgres://u:${MARK}@db.example/d`
        : place.name.endsWith('signing_secrets.0')
          ? `whsec_${Buffer.from(MARK.repeat(2)).toString('base64')}`
          : MARK;
    const text = JSON.stringify(configured(place, mark), null, 2);
    let config: Config;
    try {
      config = parseConfig(text, '/nowhere/a.yaml', {}, parts);
    } catch (error) {
      // A key has its own form, which the mark has not: what is said of it must not quote it.
      if (!(error instanceof FileError)) throw error;
      expect(readable(`${error.message} ${inspect(error, { depth: 9 })}`)).toBeUndefined();
      expect(error.message).not.toMatch(/unknown key|is missing/);
      return;
    }
    const shown = [
      inspect(config, { depth: 20, showHidden: true }),
      JSON.stringify(effectiveConfig(config)),
      String(Object.values(config)),
    ];
    for (const one of shown) expect(readable(one)).toBeUndefined();
    // A key beside it that nobody knows: the excerpt of that place must not quote it.
    const wrong = text.replaceAll(JSON.stringify(mark), `${JSON.stringify(mark)}, "formt": 1`);
    try {
      parseConfig(wrong, '/nowhere/a.yaml', {}, parts);
    } catch (error) {
      expect(readable(`${(error as Error).message} ${inspect(error, { depth: 9 })}`)).toBeUndefined();
    }
  });

  it.each(places.filter(({ section }) => section !== ''))(
    '$name is covered wherever a peer quotes it',
    (place) => {
      let config: Config;
      try {
        config = parseConfig(JSON.stringify(configured(place, MARK)), '/nowhere/a.yaml', {}, parts);
      } catch {
        return; // it has a form of its own, and the end-to-end test has one of those
      }
      const { options } = (place.section === 'sinks' ? config.sinks : config.sources).get('x') ?? {};
      const { hide } = guardOf(options, [], () => undefined);
      for (const [writing, write] of Object.entries(WRITINGS))
        expect([writing, readable(hide(`refused: ${write(MARK)}, sorry`))]).toEqual([writing, undefined]);
    },
  );
});
