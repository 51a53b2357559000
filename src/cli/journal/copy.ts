import { realpathSync } from 'node:fs';

import { copyJournal } from '../../checkpoint/copy.ts';
import type { Copied } from '../../checkpoint/copy.ts';
import type { Config } from '../../config/config.ts';
import { STATE_ONLY } from '../../config/load.ts';
import { ForwardError } from '../../model/errors.ts';
import { EXIT } from '../exit.ts';
import { withProgress } from '../progress.ts';
import { count, shown, writeJson } from '../report.ts';
import { openConfig } from '../session.ts';
import { openBlank, openContents } from '../state.ts';
import type { Terminal } from '../terminal.ts';

export interface CopyOptions {
  readonly from: string;
  readonly to: string;
  readonly json?: true;
}

/** What the new journal says it is as long as it is not finished. */
const WHAT = 'a journal copy';

/** `auditferry journal copy`: everything of one journal, in another place. The one that was copied stays as it is. */
export async function copyCommand(options: CopyOptions, terminal: Terminal): Promise<number> {
  const from = await openConfig(options.from, terminal, STATE_ONLY);
  const to = await openConfig(options.to, terminal, STATE_ONLY);
  assertApart(from, to);
  const opening = {
    clock: terminal.clock,
    env: terminal.env,
    onWarn: (message: string): void => void terminal.err.write(`${shown(message)}\n`),
  };
  const source = await openContents(from, opening);
  try {
    const target = await openBlank(to, opening, WHAT);
    try {
      const copied = await withProgress(terminal, 'copying the journal', (tell) =>
        copyJournal(source, target, terminal.signal, tell),
      );
      if (options.json === true) writeJson(terminal.out, document(source.place, target.place, copied));
      else for (const line of lines(source.place, target.place, copied)) terminal.out.write(`${line}\n`);
      return EXIT.done;
    } catch (error) {
      terminal.err.write(
        `the journal in ${shown(target.place)} is unfinished and cannot be used; start the copy again, or remove it\n`,
      );
      throw error;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Two names of one directory: a lock would not tell, since one process holds both. */
function assertApart({ state: from }: Config, { state: to }: Config): void {
  if (from.type !== 'sqlite' || to.type !== 'sqlite' || realPath(from.dir) !== realPath(to.dir)) return;
  throw new ForwardError('config', `--from and --to name the same state directory, ${shown(from.dir)}`, {
    hint: 'give the second configuration another state.dir',
  });
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it is not there yet
  }
}

function lines(
  from: string,
  to: string,
  { headSeq, headHash, events, rows, installationId }: Copied,
): string[] {
  const { pages, ids, ...others } = rows;
  const rest = Object.entries(others).map(([table, its]) => `${table.replaceAll('_', ' ')} ${figure(its)}`);
  return [
    `copied ${shown(from)} to ${shown(to)}: ${count(events, 'event')} in ${count(pages, 'page')}, ${figure(ids)} known ids`,
    `  ${rest.join(', ')}`,
    `  compared: every row, every hash of the chain, the checksums, the counters`,
    `  installation ${installationId}, newest event ${headSeq}, head ${headHash}`,
    `  ${shown(from)} is unchanged. Run auditferry on ${shown(to)} only: two that continue from one journal send everything twice`,
  ];
}

function document(from: string, to: string, copied: Copied): object {
  const { installationId, headSeq, headHash, events, rows } = copied;
  return {
    copied: true,
    from,
    to,
    installation_id: installationId,
    head_seq: headSeq,
    head_sha256: headHash,
    events,
    rows,
    compared: ['rows', 'chain', 'counters'],
  };
}

function figure(number: number): string {
  return number.toLocaleString('en-US');
}
