import type { Command } from 'commander';

import type { Config } from '../config/config.ts';
import { JOURNAL_ONLY } from '../config/load.ts';
import { describe, ForwardError } from '../model/errors.ts';
import { fetchFromDaemon } from './daemon-answer.ts';
import { EXIT } from './exit.ts';
import { interruptible } from './interrupt.ts';
import { shown, takeConfigArgument, withConfig, writeJson } from './report.ts';
import type { ReportOptions } from './report.ts';
import { openConfig } from './session.ts';
import { placeOfState, runningOn } from './state.ts';
import { processTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';

/** `text` says why, for a person. */
interface Health {
  readonly ok: boolean;
  readonly text: string;
}

/** `auditferry health`: whether the loops of the daemon turn, as /healthz says it. What a container's health check runs. */
export function registerHealth(program: Command): void {
  takeConfigArgument(withConfig(program.command('health')))
    .summary('ask the daemon whether its loops are running')
    .description('ask the daemon whether its loops are running: for the health check of a container')
    .action(async (_file: unknown, options: ReportOptions) => {
      process.exitCode = await interruptible((signal) => health(options, processTerminal(signal)));
    });
}

export async function health(options: ReportOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const { ok, text } =
    config.admin.listen === null ? await byItsLock(config, terminal) : await byItsWord(config, terminal);
  if (options.json === true) writeJson(terminal.out, { ok, text });
  else terminal.out.write(`${shown(text)}\n`);
  return ok ? EXIT.done : EXIT.failed;
}

/** With the listener off nobody can be asked; that a process holds the journal is all there is to see. */
async function byItsLock(config: Config, terminal: Terminal): Promise<Health> {
  const holder = await runningOn(config, terminal);
  if (holder === null) return { ok: false, text: `no daemon runs on ${placeOfState(config)}` };
  return {
    ok: true,
    text: `a daemon runs (${holder}); how it is cannot be asked, because admin.listen is off`,
  };
}

async function byItsWord(config: Config, terminal: Terminal): Promise<Health> {
  const answer = await fetchFromDaemon(config, '/healthz', terminal);
  if (answer instanceof ForwardError) return { ok: false, text: `no daemon answers: ${describe(answer)}` };
  const { url, status, body } = answer;
  const said = readHealth(body);
  if (said === null || (status !== 200 && status !== 503)) {
    return { ok: false, text: `${url.href} answered ${status}, not as an auditferry does` };
  }
  if (status === 200) return { ok: true, text: 'healthy: every loop turns' };
  return { ok: false, text: said.join('; ') || 'not healthy, and it does not say why' };
}

/** The reasons in the answer of /healthz; null when something else listens there. */
function readHealth(body: Buffer): readonly string[] | null {
  try {
    const { reasons } = JSON.parse(body.toString('utf8')) as { readonly reasons?: unknown };
    if (!Array.isArray(reasons)) return null;
    return (reasons as { readonly part?: unknown; readonly text?: unknown }[]).map(
      ({ part, text }) => `${String(part)}: ${String(text)}`,
    );
  } catch {
    return null; // no JSON, or no object
  }
}
