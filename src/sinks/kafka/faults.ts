import { ForwardError, oneLine } from '../../model/errors.ts';
import { brokenConnection } from '../../net/socket.ts';
import { isCertificateError } from '../../net/tls.ts';

/**
 * What the client library throws is a tree: attempts, brokers, partitions, causes. This file reads it by its fields, so that the library
 * need not be loaded for it. Numbers are those of the Kafka protocol guide, "Error Codes".
 */
export interface Verdict {
  readonly code: number;
  /** In the broker's words; empty where it has none. */
  readonly said: string;
}

const DEPTH_LIMIT = 12;

interface Fault {
  readonly message?: string;
  /** Of the system, of TLS, or the library's own: ECONNREFUSED, PLT_KFK_NETWORK. */
  readonly code?: unknown;
  /** A broker's verdict. */
  readonly apiCode?: unknown;
  readonly apiId?: unknown;
  readonly serverErrorMessage?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
  /** Of a request that was answered with errors: every partition of it. */
  readonly response?: { readonly responses?: readonly TopicAnswer[] };
  /** What other brokers stored meanwhile. */
  readonly produced?: { readonly offsets?: readonly { readonly partition: number }[] };
}

interface TopicAnswer {
  readonly partitionResponses: readonly {
    readonly index: number;
    readonly errorCode: number;
    readonly errorMessage?: unknown;
  }[];
}

/** Every error of a tree, the outermost first. */
function faultsIn(error: unknown, depth = 0): readonly Fault[] {
  if (typeof error !== 'object' || error === null || depth > DEPTH_LIMIT) return [];
  const fault = error as Fault;
  const parts = Array.isArray(fault.errors) ? (fault.errors as unknown[]) : [];
  return [fault, ...[...parts, fault.cause].flatMap((part) => faultsIn(part, depth + 1))];
}

/**
 * What became of each partition of a failed request: null where it was stored, else the broker's verdict. Partitions that no broker
 * answered for are absent. Once stored stays stored, whatever a later attempt met.
 */
export function partitionAnswers(error: unknown): ReadonlyMap<number, Verdict | null> {
  const answers = new Map<number, Verdict | null>();
  for (const { response, produced } of faultsIn(error)) {
    for (const { partition } of produced?.offsets ?? []) answers.set(partition, null);
    for (const { partitionResponses } of response?.responses ?? [])
      for (const { index, errorCode: code, errorMessage } of partitionResponses) {
        if (answers.get(index) === null) continue;
        const said = typeof errorMessage === 'string' ? oneLine(errorMessage) : '';
        answers.set(index, STORED.has(code) ? null : { code, said });
      }
  }
  return answers;
}

/** DUPLICATE_SEQUENCE_NUMBER: an attempt before this one was stored. */
const STORED: ReadonlySet<number> = new Set([0, 46]);

/** MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE: of a partition's records together, as they are compressed. */
export function isTooLarge(code: number): boolean {
  return code === 10 || code === 18;
}

/** Whether the records are at fault, and smaller requests tell which: also INVALID_TIMESTAMP and INVALID_RECORD. */
export function isAboutRecords(code: number): boolean {
  return isTooLarge(code) || code === 32 || code === 87;
}

/** Whether a failure says nothing against the connection that it came over. */
export function isVerdictOnRecords(error: unknown): boolean {
  const codes = faultsIn(error).flatMap(({ code, apiCode }) =>
    typeof apiCode === 'number' ? [isAboutRecords(apiCode)] : code === 'PLT_KFK_NETWORK' ? [false] : [],
  );
  return codes.length > 0 && codes.every(Boolean);
}

/** Whether brokers refused the credentials themselves. The library calls everything so that went wrong meanwhile, a broken line as well. */
export function isAuthenticationFailure(error: unknown): boolean {
  return faultsIn(error).some(
    ({ code, apiCode, cause }) =>
      apiCode === 58 || (code === 'PLT_KFK_AUTHENTICATION' && cause === undefined),
  );
}

/** What a failure means. */
export function asFailure(error: unknown, where: string): ForwardError {
  const faults = faultsIn(error);
  const own = faults.find((fault) => fault instanceof ForwardError);
  if (own instanceof ForwardError) return own;
  const tls = faults.find(({ code }) => typeof code === 'string' && isTlsFault(code));
  if (tls !== undefined) return brokenConnection(tls, where);
  const topic = faults.map(({ message }) => /^Unknown topic (\S+)\.$/.exec(message ?? '')?.[1]).find(Boolean);
  const verdict = verdictIn(faults);
  const hint = topic === undefined ? hintFor(faults, verdict) : HINTS.get(3);
  const held =
    topic !== undefined || (verdict !== undefined && HELD.has(verdict)) || isAuthenticationFailure(error);
  const said = topic === undefined ? words(faults, verdict) : `there is no topic ${topic}`;
  const message = verdict === undefined ? `${where}: ${said}` : `${where} answered ${said}`;
  return new ForwardError(held ? 'denied' : 'transient', message, {
    cause: error,
    ambiguous: !held && faults.some(isAmbiguous),
    hint,
  });
}

/** Something may have been stored: REQUEST_TIMED_OUT, NETWORK_EXCEPTION, NOT_ENOUGH_REPLICAS_AFTER_APPEND, or no word at all. */
function isAmbiguous({ message, apiCode }: Fault): boolean {
  if (typeof apiCode === 'number') return apiCode === 7 || apiCode === 13 || apiCode === 20;
  return /^(?:Connection closed|Connection error|Request timed out)/.test(message ?? '');
}

function isTlsFault(code: string): boolean {
  return isCertificateError(code) || code.startsWith('ERR_SSL_');
}

/** The verdict that decides: one that holds before one that passes. */
function verdictIn(faults: readonly Fault[]): number | undefined {
  const codes = faults.flatMap(({ apiCode }) => (typeof apiCode === 'number' ? [apiCode] : []));
  return codes.find((code) => HELD.has(code)) ?? codes.at(-1);
}

function hintFor(faults: readonly Fault[], verdict: number | undefined): string | undefined {
  if (verdict !== undefined) return HINTS.get(verdict);
  if (isAuthenticationFailure(faults[0])) return HINTS.get(58);
  if (faults.some(({ message }) => /^(?:Connection closed|TLS handshake failed)/.test(message ?? '')))
    return 'if it stays like this, check the port, tls and sasl: a listener that expects something else closes without a word';
  return undefined;
}

/** The innermost words: what stands around them only counts attempts. */
function words(faults: readonly Fault[], verdict: number | undefined): string {
  const leaves = faults.filter(
    ({ errors, cause }) => cause === undefined && (!Array.isArray(errors) || errors.length === 0),
  );
  const telling = verdict === undefined ? leaves : leaves.filter(({ apiCode }) => apiCode === verdict);
  const texts = telling.map(({ message, code, apiId, serverErrorMessage: said }) => {
    const name =
      typeof apiId === 'string' ? apiId : typeof code === 'string' && /^E[A-Z]+$/.test(code) ? code : '';
    const text = typeof said === 'string' && said !== '' ? said : (message ?? '');
    return text === '' || text.includes(name) ? text || name : `${name}: ${text}`;
  });
  return oneLine([...new Set(texts)].slice(0, 3).join('; '), 400) || 'failed without a word';
}

const RIGHTS =
  'allow the user to write to the topic (Write, Describe), and IdempotentWrite on the cluster before Kafka 3.0';

/** What to do about a verdict. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [3, 'create the topic, or check its name: auditferry makes none'],
  [17, 'check topic'],
  [19, 'see to the brokers: fewer replicas are in step than min.insync.replicas asks for'],
  [20, 'see to the brokers: fewer replicas are in step than min.insync.replicas asks for'],
  [29, RIGHTS],
  [31, RIGHTS],
  [33, 'check sasl.mechanism: the listener takes others'],
  [34, 'the listener does not expect sasl: check the port'],
  [35, 'the brokers are too old, or no Kafka'],
  [43, 'the topic keeps records in a format from before Kafka 0.11: raise it'],
  [44, 'see what policy the topic or the cluster has'],
  [53, RIGHTS],
  [
    58,
    'check sasl: mechanism, user and password, or what gives the token; a password kept in a file is reread automatically',
  ],
  [76, 'set compress: gzip, which every broker takes'],
]);

/** Verdicts that no waiting changes. */
const HELD: ReadonlySet<number> = new Set([3, 17, 21, 29, 31, 33, 34, 35, 42, 43, 44, 53, 58, 65, 76]);
