import type { PartSchema } from '../../model/part.ts';
import { tlsSchema } from '../../net/tls.ts';
import type { TlsOptions } from '../../net/tls.ts';
import { ADDRESS_PATTERN } from './address.ts';
import type { Framing } from './framing.ts';
import { FACILITIES } from './priority.ts';

/** The keys of a syslog sink, as they arrive after validation. */
export interface SyslogOptions {
  readonly address: string;
  readonly rfc?: 5424 | 3164;
  readonly framing?: Framing;
  readonly max_message_bytes?: number;
  readonly oversize?: 'dead_letter' | 'trim';
  readonly facility?: number | string;
  readonly app_name?: string;
  readonly hostname?: string;
  readonly procid?: string;
  readonly structured_data?: {
    readonly enterprise_id: number;
    readonly name?: string;
    readonly sequence_id?: boolean;
  };
  readonly ascii?: boolean;
  readonly bom?: boolean;
  readonly allow_lossy?: boolean;
  readonly connect_timeout?: number;
  readonly timeout?: number;
  readonly close_timeout?: number;
  readonly require_close?: boolean;
  readonly keep_alive?: number;
  readonly window?: number;
  readonly tls?: TlsOptions;
}

/** Every default in one place: the schema shows them, and the sink falls back to them. */
export const SYSLOG_DEFAULTS = {
  rfc: 5424,
  framing: 'octet_counting',
  max_message_bytes: 8192,
  oversize: 'dead_letter',
  facility: 'audit',
  app_name: 'cloudquery',
  procid: '-',
  sd_name: 'cloudquery',
  connect_timeout: 10_000,
  timeout: 30_000,
  close_timeout: 10_000,
  keep_alive: 60_000,
  window: 128,
} as const;

/** Every receiver must take this much. Bytes. Source: RFC 5424 section 6.1. */
const LEAST_MESSAGE_BYTES = 480;
/** No receiver known takes more by a setting that is in use. Bytes. */
const MOST_MESSAGE_BYTES = 1024 * 1024;
const WINDOW_LIMIT = 4096;

export const syslogSchema: PartSchema = {
  description: 'Sends events to a syslog receiver over TCP, TLS, RELP or UDP.',
  required: ['address'],
  properties: {
    address: {
      type: 'string',
      pattern: ADDRESS_PATTERN,
      description: 'Protocol, host and port: tls://siem:6514, tcp://, udp://, relp:// or relp+tls://.',
    },
    rfc: {
      type: 'integer',
      enum: [5424, 3164],
      default: SYSLOG_DEFAULTS.rfc,
      description: 'Which message form: 5424, or the older 3164 where a receiver knows no other.',
    },
    framing: {
      type: 'string',
      enum: ['octet_counting', 'lf'],
      default: SYSLOG_DEFAULTS.framing,
      description: 'How messages are told apart on a TCP connection; TLS always counts octets.',
    },
    max_message_bytes: {
      type: ['integer', 'string'],
      size: true,
      minimum: LEAST_MESSAGE_BYTES,
      maximum: MOST_MESSAGE_BYTES,
      default: SYSLOG_DEFAULTS.max_message_bytes,
      description: 'The largest message that the receiver takes whole.',
    },
    oversize: {
      type: 'string',
      enum: ['dead_letter', 'trim'],
      default: SYSLOG_DEFAULTS.oversize,
      description:
        'What happens to a larger message: kept as a dead letter, or sent without its bulky fields.',
    },
    facility: {
      anyOf: [
        { type: 'integer', minimum: 0, maximum: 23 },
        { type: 'string', enum: [...FACILITIES] },
      ],
      default: SYSLOG_DEFAULTS.facility,
      description: 'Facility by name or number.',
    },
    app_name: {
      type: 'string',
      minLength: 1,
      maxLength: 48,
      default: SYSLOG_DEFAULTS.app_name,
      description: 'APP-NAME, or TAG in RFC 3164.',
    },
    hostname: {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      description: 'HOSTNAME; by default the host of the Platform installation.',
    },
    procid: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      default: SYSLOG_DEFAULTS.procid,
      description: 'PROCID; "-" for none.',
    },
    structured_data: {
      type: 'object',
      additionalProperties: false,
      required: ['enterprise_id'],
      description: 'Puts the event id into STRUCTURED-DATA, under your own enterprise number.',
      properties: {
        enterprise_id: {
          type: 'integer',
          minimum: 1,
          not: { const: 32473 },
          description: 'Private enterprise number of your organisation; 32473 is for documentation only.',
        },
        name: {
          type: 'string',
          pattern: '^[A-Za-z0-9_.-]{1,20}$',
          form: 'at most 20 letters, digits, dots, hyphens and underscores',
          default: SYSLOG_DEFAULTS.sd_name,
          description: 'Name before the @ of the element.',
        },
        sequence_id: {
          type: 'boolean',
          default: false,
          description: 'Numbers the messages in [meta sequenceId], from 1 at each start.',
        },
      },
    },
    ascii: {
      type: 'boolean',
      default: true,
      description: 'Escapes everything outside ASCII in JSON bodies, which no receiver can then misread.',
    },
    bom: { type: 'boolean', default: false, description: 'Puts the byte order mark before the message.' },
    allow_lossy: {
      type: 'boolean',
      default: false,
      description: 'Says that losing events unseen is acceptable: without it udp:// is refused.',
    },
    connect_timeout: duration(SYSLOG_DEFAULTS.connect_timeout, 'Longest time for connecting, TLS included.'),
    timeout: duration(
      SYSLOG_DEFAULTS.timeout,
      'Longest silence while the receiver should read or, with RELP, answer.',
    ),
    close_timeout: duration(
      SYSLOG_DEFAULTS.close_timeout,
      'How long the receiver may take to close its side after a batch.',
    ),
    require_close: {
      type: 'boolean',
      default: true,
      description: 'false counts a batch as sent although the receiver never closed its side.',
    },
    keep_alive: duration(
      SYSLOG_DEFAULTS.keep_alive,
      'Idle time before the kernel probes a connection; 0s for never.',
    ),
    window: {
      type: 'integer',
      minimum: 1,
      maximum: WINDOW_LIMIT,
      default: SYSLOG_DEFAULTS.window,
      description: 'RELP messages under way without an answer.',
    },
    tls: tlsSchema,
  },
};

function duration(ms: number, description: string): object {
  return { type: 'string', duration: true, default: `${ms / 1000}s`, description };
}
