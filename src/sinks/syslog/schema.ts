import type { GivenOf, OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { tlsSchema } from '../../net/tls.ts';
import { ADDRESS_PATTERN } from './address.ts';
import { FACILITIES } from './priority.ts';

/** Every receiver must take this much. Bytes. Source: RFC 5424 section 6.1. */
const LEAST_MESSAGE_BYTES = 480;
/** No receiver known takes more by a setting that is in use. Bytes. */
const MOST_MESSAGE_BYTES = 1024 * 1024;
const WINDOW_LIMIT = 4096;

export const syslogSchema = {
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
      default: 5424,
      description: 'Which message form: 5424, or the older 3164 where a receiver knows no other.',
    },
    framing: {
      type: 'string',
      enum: ['octet_counting', 'lf'],
      default: 'octet_counting',
      description: 'How messages are told apart on a TCP connection; TLS always counts octets.',
    },
    max_message_bytes: {
      type: ['integer', 'string'],
      size: true,
      minimum: LEAST_MESSAGE_BYTES,
      maximum: MOST_MESSAGE_BYTES,
      default: 8192,
      description: 'The largest message that the receiver takes whole.',
    },
    oversize: {
      type: 'string',
      enum: ['dead_letter', 'trim'],
      default: 'dead_letter',
      description:
        'What happens to a larger message: kept as a dead letter, or sent without its bulky fields.',
    },
    facility: {
      anyOf: [
        { type: 'integer', minimum: 0, maximum: 23 },
        { type: 'string', enum: [...FACILITIES] },
      ],
      default: 'audit',
      description: 'Facility by name or number.',
    },
    app_name: {
      type: 'string',
      minLength: 1,
      maxLength: 48,
      default: 'cloudquery',
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
      default: '-',
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
          default: 'cloudquery',
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
    connect_timeout: {
      type: 'string',
      duration: true,
      default: '10s',
      description: 'Longest time for connecting, TLS included.',
    },
    timeout: {
      type: 'string',
      duration: true,
      default: '30s',
      description: 'Longest silence while the receiver should read or, with RELP, answer.',
    },
    close_timeout: {
      type: 'string',
      duration: true,
      default: '10s',
      description: 'How long the receiver may take to close its side after a batch.',
    },
    require_close: {
      type: 'boolean',
      default: true,
      description: 'false counts a batch as sent although the receiver never closed its side.',
    },
    keep_alive: {
      type: 'string',
      duration: true,
      default: '60s',
      description: 'Idle time before the kernel probes a connection; 0s for never.',
    },
    window: {
      type: 'integer',
      minimum: 1,
      maximum: WINDOW_LIMIT,
      default: 128,
      description: 'RELP messages under way without an answer.',
    },
    tls: tlsSchema,
  },
} as const satisfies PartSchema;

export type SyslogOptions = OptionsOf<typeof syslogSchema>;
/** Without the defaults. */
export type GivenSyslogOptions = GivenOf<typeof syslogSchema>;
