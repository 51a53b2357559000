import { guardOf } from '../model/credential-guard.ts';
import { remembering } from '../model/hide.ts';
import type { Hide } from '../model/hide.ts';
import { proxyCredentials } from '../net/proxies.ts';
import { IDS_AT_ONCE } from './sink.ts';
import type { Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

/**
 * A sink type whose sinks have their credentials guarded: they are taken out of fates, notices, warnings, errors and findings, and
 * `credentialReplaced` looks at all of them. This is done once, around the sink, which still decides by the words as they came.
 */
export function guardSink<Options>(definition: SinkDefinition<Options>): SinkDefinition<Options> {
  return { ...definition, create: (options, context) => open(definition, options, context) };
}

function open<Options>(definition: SinkDefinition<Options>, options: Options, context: SinkContext): Sink {
  const obtained: (() => readonly string[])[] = [];
  const watched: (() => boolean)[] = [];
  const known = { secret: { known: () => obtained.flatMap((list) => list()) }, username: undefined };
  const { hide, replaced, told, cleanReport } = guardOf(options, [...proxyCredentials(), known], (message) =>
    context.warn(message),
  );
  const sink = definition.create(options, {
    ...context,
    warn: (message) => context.warn(hide(message)),
    conceal: (list) => void obtained.push(list),
    watchCredential: (isReplaced) => void watched.push(isReplaced),
  });
  // Every member of the contract, so that none is forgotten when there is a new one.
  const members: Required<Sink> = {
    delivery: sink.delivery,
    wholeEvents: sink.wholeEvents ?? false,
    send: (batch, signal) => told(sink.send(batch, signal), signal, (receipt) => cleanReceipt(receipt, hide)),
    asSent: (item) => (sink.asSent === undefined ? item.body.toWellFormed() : sink.asSent(item)),
    check: (signal) => told(sink.check(signal), signal, cleanReport),
    holds: (ids, signal, within) =>
      told(sink.holds?.(ids, signal, within) ?? Promise.resolve(new Map()), signal, (held) => held),
    ahead: () => sink.ahead?.() ?? 0,
    aheadAtMost: sink.aheadAtMost ?? 0,
    idsAtOnce: sink.idsAtOnce ?? IDS_AT_ONCE,
    credentialReplaced: () => [replaced(), ...watched.map((isReplaced) => isReplaced())].includes(true),
    close: () => sink.close(),
  };
  if (sink.holds !== undefined) return members;
  const { holds: _holds, ...others } = members; // the protocol cannot be asked
  return others;
}

function cleanReceipt(receipt: Receipt, hideOnce: Hide): Receipt {
  const hide = remembering(hideOnce);
  const fates = receipt.fates.map((fate) =>
    'reason' in fate ? { ...fate, reason: hide(fate.reason) } : fate,
  );
  return { ...receipt, fates, ...(receipt.notice === undefined ? {} : { notice: hide(receipt.notice) }) };
}
