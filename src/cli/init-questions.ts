import { createInterface } from 'node:readline/promises';

import { missingScheme } from '../config/scheme.ts';
import { ForwardError } from '../model/errors.ts';
import { wrongHostHint } from '../sources/cloudquery/hints.ts';
import type { SinkKind } from './init-recipes.ts';
import { readSecretPlace, SINK_KINDS } from './init-template.ts';
import type { InitAnswers, SecretPlace } from './init-template.ts';
import { shown } from './report.ts';
import { hang } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What was given on the command line; what is missing is asked for. */
export interface InitFlags {
  readonly url?: string;
  readonly apiKeyEnv?: string;
  readonly apiKeyFile?: string;
  readonly sink?: string;
  readonly sinkUrl?: string;
  readonly sinkTokenEnv?: string;
  readonly sinkTokenFile?: string;
  readonly index?: string;
  readonly stateDir: string;
  readonly heartbeat?: true;
  readonly yes?: true;
}

/** After this many unusable answers, they do not come from a person. */
const TRIES_MOST = 20;

interface Question<T> {
  /** The flag that answers it. */
  readonly flag: string;
  readonly text: string;
  /** Taken for an empty answer; null: there must be one. */
  readonly standard: string | null;
  /** The value, or what is wrong with the answer. */
  read(answer: string): T | { readonly wrong: string };
  /** What an answer is taken for, where that is not what it says. */
  note?(answer: string): string | null;
}

type Ask = <T>(question: Question<T>, given: string | undefined) => Promise<T>;

/** All answers: from flags where they are given, else from the person, or the standard ones with --yes. */
export async function gatherAnswers(flags: InitFlags, terminal: Terminal): Promise<InitAnswers> {
  const lines = flags.yes === true ? null : createInterface({ input: terminal.input, terminal: false });
  try {
    const answers = lines?.[Symbol.asyncIterator]();
    return await answerAll(flags, asking(terminal, answers ?? null));
  } finally {
    lines?.close();
  }
}

async function answerAll(flags: InitFlags, ask: Ask): Promise<InitAnswers> {
  const url = await ask(platformQuestion, flags.url);
  const apiKey = await ask(
    secretQuestion('--api-key-env or --api-key-file', 'the API key of the Platform', 'CLOUDQUERY_API_KEY'),
    flags.apiKeyEnv ?? flags.apiKeyFile,
  );
  const sink = await ask(sinkQuestion, flags.sink);
  const target = sink.target === null ? null : await ask(targetQuestion(sink.target), flags.sinkUrl);
  const { secret } = sink;
  const place =
    secret === null
      ? null
      : await ask(
          secretQuestion('--sink-token-env or --sink-token-file', secret.question, secret.variable),
          flags.sinkTokenEnv ?? flags.sinkTokenFile,
        );
  const index = flags.index ?? null;
  if (index !== null && sink.type !== 'splunk_hec') {
    throw new ForwardError('config', `--index belongs to the sink splunk_hec, not to ${sink.type}`);
  }
  const { stateDir, heartbeat = false } = flags;
  return { url, apiKey, sink, target, secret: place, index, stateDir, heartbeat };
}

function asking(terminal: Terminal, lines: AsyncIterator<string> | null): Ask {
  return async (question, given) => {
    if (given !== undefined || lines === null) {
      const answer = given ?? question.standard;
      if (answer === null) throw new ForwardError('config', `with --yes ${question.flag} must be given`);
      const value = question.read(answer);
      if (isWrong(value)) throw new ForwardError('config', `${question.flag}: ${value.wrong}`);
      return value;
    }
    const standard = question.standard === null ? '' : ` [${question.standard}]`;
    for (let tries = 0; tries < TRIES_MOST; tries += 1) {
      terminal.err.write(`${fitted(`${question.text}${standard}:`, terminal).join('\n')} `);
      const next = (await lines.next()) as IteratorResult<string, undefined>;
      if (next.done === true)
        throw new ForwardError('config', 'the answers ended before the questions; nothing was written');
      const answer = next.value.trim() === '' ? question.standard : next.value.trim();
      const value = answer === null ? { wrong: 'an answer is needed' } : question.read(answer);
      if (isWrong(value)) say(value.wrong, terminal);
      else {
        const note = answer === null ? null : (question.note?.(answer) ?? null);
        if (note !== null) say(note, terminal);
        return value;
      }
    }
    throw new ForwardError('config', `no usable answer to "${question.text}"; nothing was written`);
  };
}

function say(remark: string, terminal: Terminal): void {
  terminal.err.write(`${fitted(`  ${shown(remark)}`, terminal).join('\n')}\n`);
}

/** Lines that a narrow terminal does not break within words. */
function fitted(text: string, { err }: Terminal): string[] {
  const width = err.isTTY === true ? err.columns : undefined;
  return text.split('\n').flatMap((line) => hang(line, width));
}

function isWrong(value: unknown): value is { readonly wrong: string } {
  return typeof value === 'object' && value !== null && 'wrong' in value;
}

const hasScheme = (answer: string): boolean => /^[a-z]+:\/\//i.test(answer);

const platformQuestion: Question<string> = {
  flag: '--url',
  text: 'Address of the CloudQuery Platform, such as https://acme.mycloudquery.com',
  standard: null,
  read(answer) {
    const url = hasScheme(answer) ? answer : `https://${answer}`;
    const hint = wrongHostHint(url);
    return hint === null ? url : { wrong: hint };
  },
  note: (answer) => (hasScheme(answer) ? null : `without a scheme it is taken as https://${answer}`),
};

/** Recipes are told by their names only: with a line each, the question would not fit on a screen. */
const kindsOffered = [
  ...SINK_KINDS.filter(({ offer, type }) => offer === type).map(
    ({ offer, about }) => `  ${offer.padEnd(14)} ${about}`,
  ),
  `  or ${SINK_KINDS.filter(({ offer, type }) => offer !== type)
    .map(({ offer }) => offer)
    .join(', ')}`,
].join('\n');

const sinkQuestion: Question<SinkKind> = {
  flag: '--sink',
  text: `Where should events go?\n${kindsOffered}\nKind of sink`,
  standard: 'file',
  read: (answer) =>
    SINK_KINDS.find(({ offer }) => offer === answer.toLowerCase().replaceAll(/[ -]/g, '_')) ?? {
      wrong: `there is no sink of that type; expected one of ${SINK_KINDS.map(({ offer }) => offer).join(', ')}`,
    },
};

function targetQuestion({
  question,
  example,
  pattern,
  standard,
}: NonNullable<SinkKind['target']>): Question<string> {
  return {
    flag: '--sink-url',
    text: standard === null ? `${question}, such as ${example}` : question,
    standard,
    read: (answer) => {
      if (pattern.test(answer)) return answer;
      const scheme = missingScheme(answer, { pattern: pattern.source });
      return {
        wrong: `${scheme === null ? '' : `${scheme} is missing; `}expected something like ${example}`,
      };
    },
  };
}

function secretQuestion(flag: string, what: string, variable: string): Question<SecretPlace> {
  return {
    flag,
    text: `Where is ${what}? Never type the secret itself.\nName of a variable, or path of a file`,
    standard: variable,
    // What was typed may be the secret: it is not repeated.
    read: (answer) =>
      readSecretPlace(answer) ?? {
        wrong: `expected the name of a variable in capitals, such as ${variable}, or a path that begins with / or ./`,
      },
  };
}
