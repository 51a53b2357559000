import type { CheckItem } from '../model/check.ts';
import { withDefaults } from '../model/options.ts';
import { openTlsFiles } from '../net/tls-files.ts';
import type { TlsFiles } from '../net/tls-files.ts';
import { OpenFates } from './open-fates.ts';
import { withinRate } from './request-limit.ts';
import { sendInRuns } from './send-in-runs.ts';
import type { Batch, Item, Sink, SinkContext, SinkDefinition } from './sink.ts';
import { parseAddress } from './syslog/address.ts';
import type { Address } from './syslog/address.ts';
import { createIsolation } from './syslog/isolate.ts';
import type { Piece, SendPieces } from './syslog/isolate.ts';
import { renderMessage } from './syslog/message.ts';
import type { MessageOptions } from './syslog/message.ts';
import { facilityNumber } from './syslog/priority.ts';
import { createRelpTransport } from './syslog/relp.ts';
import { MAX_RELP_DATA_BYTES } from './syslog/relp-frame.ts';
import { syslogSchema } from './syslog/schema.ts';
import type { GivenSyslogOptions, SyslogOptions } from './syslog/schema.ts';
import { createStreamTransport } from './syslog/stream.ts';
import type { Transport, TransportOptions } from './syslog/transport.ts';
import { createUdpTransport, MAX_DATAGRAM_BYTES } from './syslog/udp.ts';
import { validateSyslog } from './syslog/validate.ts';

/** sequenceId starts again at 1 after this. Source: RFC 5424 section 7.3.1. */
const SEQUENCE_LIMIT = 2_147_483_647;

export const syslogSink: SinkDefinition<GivenSyslogOptions> = {
  type: 'syslog',
  schema: syslogSchema,
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 5000, maxBytes: 4 * 1024 * 1024, maxWaitMs: 5_000 },
  validate: validateSyslog,
  create: (given, context) => createSyslogSink(withDefaults(syslogSchema, given), context),
};

function createSyslogSink(options: SyslogOptions, context: SinkContext): Sink {
  const address = parseAddress(options.address);
  const tls = tlsOf(options, address, context);
  if (tls?.options.verify === false)
    context.warn(`${address.where}: tls.verify is off, any certificate is accepted`);
  const transport = openTransport(transportOptions(options, address, tls, context));
  const deliver = createIsolation(address.where);
  const messages = messageOptions(options, address);
  const nextSequence = counter();
  const sendOnce: SendPieces = (messages, signal) =>
    withinRate(context, () => transport.send(messages, signal), signal);
  const limit = { bytes: () => transport.roomBytes?.() ?? Infinity };
  let certificates = tls?.current();
  context.watchCredential?.(() => {
    const before = certificates;
    certificates = tls?.current();
    return certificates !== before;
  });
  return {
    delivery: transport.delivery,
    send: async (batch, signal) => {
      signal.throwIfAborted();
      const open = new OpenFates(batch.items.length);
      const pieces = prepare(batch, messages, nextSequence, open);
      const room = limit.bytes();
      let runs = 0;
      const sendRun = async (run: readonly Placed[]): Promise<readonly []> => {
        const fates = await deliver(run, sendOnce, signal);
        run.forEach(({ place }, index) => open.settle(place, fates[index] ?? NO_FATE));
        runs += 1;
        return [];
      };
      const failure = await sendInRuns(pieces, { open, limit, weigh }, sendRun, signal);
      // A receiver that takes its time for each of several connections: a stop would have to wait for all of them.
      if (runs > 1 && limit.bytes() <= room) open.slowDown();
      const receipt = failure === null ? open.receipt(NO_FATE.reason) : open.interrupted(failure);
      return { ...receipt, ...noticeOf(pieces, messages) };
    },
    // Its number among the messages of this process says nothing.
    asSent: (item) => messageText(item, { ...messages, structuredData: unnumbered(messages) }),
    check: async (signal) => ({
      items: [...(await transport.check(signal)), ...settingsCheck(options, address, messages)],
    }),
    close: () => transport.close(),
  };
}

// --- options ---

function tlsOf(options: SyslogOptions, address: Address, context: SinkContext): TlsFiles | undefined {
  if (address.protocol !== 'tls' && address.protocol !== 'relp+tls') return undefined;
  return openTlsFiles(options.tls, (message) => context.warn(`${address.where}: ${message}`));
}

function transportOptions(
  options: SyslogOptions,
  address: Address,
  tls: TlsFiles | undefined,
  context: SinkContext,
): TransportOptions {
  return {
    address,
    tls,
    framing: options.framing,
    connectTimeoutMs: options.connect_timeout,
    timeoutMs: options.timeout,
    closeTimeoutMs: options.close_timeout,
    requireClose: options.require_close,
    keepAliveMs: options.keep_alive,
    window: options.window,
    clock: context.clock,
    forwarderVersion: context.forwarderVersion,
    warn: (message) => context.warn(message),
  };
}

function openTransport(options: TransportOptions): Transport {
  switch (options.address.protocol) {
    case 'tcp':
    case 'tls':
      return createStreamTransport(options);
    case 'udp':
      return createUdpTransport(options);
    case 'relp':
    case 'relp+tls':
      return createRelpTransport(options);
  }
}

function messageOptions(options: SyslogOptions, address: Address): MessageOptions {
  const { structured_data: data } = options;
  return {
    rfc: options.rfc,
    facility: facilityNumber(options.facility),
    appName: options.app_name,
    hostname: options.hostname,
    procId: options.procid,
    maxMessageBytes: Math.min(options.max_message_bytes, protocolLimit(address)),
    oversize: options.oversize,
    ascii: options.ascii,
    bom: options.bom,
    structuredData:
      data === undefined
        ? undefined
        : {
            sdId: `${data.name}@${data.enterprise_id}`,
            sequence: data.sequence_id,
          },
  };
}

/** Bytes of the largest message that the protocol itself can carry. */
function protocolLimit(address: Address): number {
  if (address.protocol === 'udp') return MAX_DATAGRAM_BYTES;
  return address.protocol.startsWith('relp') ? MAX_RELP_DATA_BYTES : Infinity;
}

function counter(): () => number {
  let last = 0;
  return () => {
    last = (last % SEQUENCE_LIMIT) + 1;
    return last;
  };
}

// --- a batch ---

interface Placed extends Piece {
  /** The item's index in the batch. */
  readonly place: number;
  readonly trimmed: boolean;
}

const NO_FATE = { outcome: 'retry', reason: 'the transport gave no fate' } as const;
const weigh = ({ message }: Piece): number => message.length;

/** The messages of a batch; what is too large for one is refused. */
function prepare(
  batch: Batch,
  options: MessageOptions,
  next: () => number,
  open: OpenFates,
): readonly Placed[] {
  const pieces: Placed[] = [];
  batch.items.forEach((item, place) => {
    const rendered = renderMessage(item, options, next());
    if ('refused' in rendered) open.settle(place, { outcome: 'rejected', reason: rendered.refused });
    else pieces.push({ place, id: item.canonical.id, ...rendered });
  });
  return pieces;
}

function messageText(item: Item, options: MessageOptions): string | null {
  const rendered = renderMessage(item, options, 1);
  return 'refused' in rendered ? null : rendered.message.toString('utf8');
}

function unnumbered({ structuredData: data }: MessageOptions): MessageOptions['structuredData'] {
  return data === undefined ? undefined : { ...data, sequence: false };
}

function noticeOf(pieces: readonly Placed[], { maxMessageBytes }: MessageOptions): { notice?: string } {
  const trimmed = pieces.filter((piece) => piece.trimmed).length;
  if (trimmed === 0) return {};
  return {
    notice: `${trimmed} events were larger than max_message_bytes (${maxMessageBytes}) and went without their bulky fields`,
  };
}

// --- check ---

const RECEIPTS: CheckItem = {
  name: 'receipt',
  outcome: 'ok',
  finding: 'the receiver answers every message: events count as confirmed',
};

const NO_RECEIPTS: CheckItem = {
  name: 'receipt',
  outcome: 'warn',
  finding:
    'the protocol knows no receipt: events count as sent. What a load balancer or relay takes and cannot pass on is lost unseen',
  hint: 'use relp+tls:// or relp:// where the receiver can; see docs/sinks/syslog.md',
};

function settingsCheck(
  options: SyslogOptions,
  address: Address,
  messages: MessageOptions,
): readonly CheckItem[] {
  const confirmed = address.protocol.startsWith('relp');
  const items: CheckItem[] = [
    confirmed ? RECEIPTS : NO_RECEIPTS,
    {
      name: 'size',
      outcome: 'ok',
      finding: `messages up to ${messages.maxMessageBytes} bytes; the receiver's own limit must not be lower`,
    },
  ];
  if (options.tls?.verify === false) {
    items.push({
      name: 'tls',
      outcome: 'warn',
      finding: 'tls.verify is off: any certificate is accepted',
      hint: 'name the receiver’s authority in tls.ca_file, or pin tls.fingerprint',
    });
  }
  return items;
}
