import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Fault } from '../fakes/faults.ts';

export type MatrixScenario = 'good' | 'hostile' | 'partial' | 'poison' | Fault;

/** One cell of the table in docs/guarantees.md: counted, or left out with the reason. */
export type MatrixRow =
  CountedRow | { readonly sink: string; readonly scenario: MatrixScenario; readonly unsupported: string };

export interface CountedRow {
  readonly sink: string;
  readonly scenario: MatrixScenario;
  /** Neither held by the receiver nor a dead letter. */
  readonly lost: number;
  /** Copies that the receiver holds beyond the first. */
  readonly repeated: number;
  readonly deadLetters: number;
}

/** Where the rows of a run are kept, one JSON file per sink: test files run in processes of their own. */
export function matrixFolder(): string {
  return join(tmpdir(), 'auditferry-fault-matrix');
}

/** Does nothing unless the environment variable FAULT_MATRIX is set. */
export function writeMatrix(sink: string, rows: readonly MatrixRow[]): void {
  if ((process.env['FAULT_MATRIX'] ?? '') === '') return;
  mkdirSync(matrixFolder(), { recursive: true });
  writeFileSync(join(matrixFolder(), `${sink}.json`), `${JSON.stringify(rows, null, 2)}\n`);
}

/** Every row of the last runs, in the order of the sinks' names. */
export function readMatrix(): readonly MatrixRow[] {
  const files = readdirSync(matrixFolder()).filter((name) => name.endsWith('.json'));
  return files.sort().flatMap((name) => {
    return JSON.parse(readFileSync(join(matrixFolder(), name), 'utf8')) as MatrixRow[];
  });
}
