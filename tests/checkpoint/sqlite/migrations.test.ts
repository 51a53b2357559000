import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';

import {
  APPLICATION_ID,
  applicationId,
  migrate,
  MIGRATIONS,
  userVersion,
  type Migration,
} from '../../../src/checkpoint/sqlite/migrations.ts';

const second: Migration = (db) => db.exec('CREATE TABLE second (x); INSERT INTO second VALUES (1)');
const third: Migration = (db) => db.exec('INSERT INTO second VALUES (2)');
const steps = [...MIGRATIONS, second, third];

describe('migrations', () => {
  it.each(steps.map((_, version) => version))(
    'lead from version %i to the last one, each step once',
    (from) => {
      const db = new DatabaseSync(':memory:');
      migrate(db, steps.slice(0, from));
      const installation = (): unknown =>
        userVersion(db) === 0 ? null : db.prepare('SELECT value FROM meta').get()?.['value'];
      const before = installation();
      expect(migrate(db, steps)).toBe(from);
      expect(migrate(db, steps)).toBe(steps.length);
      expect(userVersion(db)).toBe(steps.length);
      expect(applicationId(db)).toBe(APPLICATION_ID);
      expect(db.prepare('SELECT count(*) AS n FROM second').get()?.['n']).toBe(2);
      if (from > 0) expect(installation()).toBe(before);
    },
  );

  it('leave the last whole version when a step fails, and go on from there', () => {
    const db = new DatabaseSync(':memory:');
    const broken: Migration = (on) => {
      third(on);
      on.exec('INSERT INTO nowhere VALUES (1)');
    };
    expect(() => migrate(db, [...MIGRATIONS, second, broken])).toThrow(/nowhere/);
    expect(userVersion(db)).toBe(MIGRATIONS.length + 1);
    expect(db.prepare('SELECT count(*) AS n FROM second').get()?.['n']).toBe(1);
    migrate(db, steps);
    expect(db.prepare('SELECT count(*) AS n FROM second').get()?.['n']).toBe(2);
  });
});
