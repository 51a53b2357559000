import { isIPv6 } from 'node:net';

import { ForwardError } from '../../model/errors.ts';
import { assertInstalled } from '../../model/optional-package.ts';
import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { Means, OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { oauth2Schema, readTokenUrl } from '../../net/auth.ts';
import { clientProblems } from '../../net/http.ts';
import type { Oauth2Options } from '../../net/oauth2.ts';
import { tlsProblems } from '../../net/tls-files.ts';
import { tlsSchema } from '../../net/tls.ts';
import type { TlsOptions } from '../../net/tls.ts';

const CLIENT_PACKAGE = '@platformatic/kafka';
const SOURCE = '{source}';

const tokenSchema: Means<Oauth2Options & { readonly tls?: TlsOptions }> = {
  ...oauth2Schema,
  description: 'Where tokens for oauthbearer come from: OAuth 2 client credentials.',
  properties: {
    ...oauth2Schema.properties,
    tls: { ...tlsSchema, description: 'TLS towards the server that gives the tokens.' },
  },
};

export const kafkaSchema = {
  description: 'Apache Kafka and what speaks its protocol (Event Hubs, Redpanda): one record per event.',
  required: ['brokers', 'topic'],
  properties: {
    brokers: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', minLength: 1 },
      description: 'Brokers to begin with, host:port; they name the others. Port 9092 when absent.',
    },
    topic: {
      type: 'string',
      minLength: 1,
      description: 'Topic to write to, which must be there; {source} in it becomes the name of the source.',
    },
    compress: {
      enum: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
      default: 'gzip',
      description: 'Compression of the records; every broker takes gzip, Event Hubs nothing else.',
    },
    client_id: {
      type: 'string',
      pattern: '^[A-Za-z0-9._-]{1,200}$',
      form: 'at most 200 letters, digits, dots, hyphens and underscores',
      default: 'auditferry',
      description: 'How this client is named in the logs and quotas of the brokers.',
    },
    sasl: {
      type: 'object',
      additionalProperties: false,
      required: ['mechanism'],
      description: 'Credentials towards the brokers.',
      properties: {
        mechanism: {
          enum: ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'],
          description: 'How they are shown.',
        },
        username: {
          type: 'string',
          minLength: 1,
          description: 'User name; $ConnectionString for Event Hubs.',
        },
        password: { type: 'string', secret: true, description: 'Password of that user.' },
        oauth2: tokenSchema,
        extensions: {
          type: 'object',
          propertyNames: { pattern: '^[A-Za-z]+$' },
          additionalProperties: { type: 'string', pattern: '^[\\x20-\\x7e\\t\\r\\n]*$' },
          description: 'Sent with each token, such as logicalCluster and identityPoolId of Confluent Cloud.',
        },
      },
      dependentRequired: { username: ['password'], password: ['username'] },
    },
    request_timeout: {
      type: 'string',
      duration: true,
      default: '60s',
      minimum: 1000,
      description: 'Longest wait for the brokers to take one request, a repeat of it included.',
    },
    tls: tlsSchema,
  },
} as const satisfies PartSchema;

export type KafkaOptions = OptionsOf<typeof kafkaSchema>;
export type SaslOptions = NonNullable<KafkaOptions['sasl']>;

/** What the schema cannot say, each at its own key. */
export function validateKafka(options: KafkaOptions): readonly OptionProblem[] {
  const { sasl, tls } = options;
  return [
    ...problemsOf([
      ['', () => assertInstalled(CLIENT_PACKAGE, 'speaks to Kafka')],
      ...options.brokers.map((broker, index) => [`brokers.${index}`, () => readBroker(broker)] as const),
      ['topic', () => assertTopic(options.topic)],
      ['sasl', () => assertSasl(sasl)],
      ...(sasl?.oauth2 === undefined
        ? []
        : [['sasl.oauth2.token_url', () => readTokenUrl(sasl.oauth2?.token_url ?? '')] as const]),
    ]),
    ...tlsProblems(tls, 'tls'),
    ...(sasl?.oauth2 === undefined ? [] : clientProblems(sasl.oauth2.tls, 'sasl.oauth2.tls')),
  ];
}

export interface Broker {
  readonly host: string;
  readonly port: number;
}

/** `host`, `host:port` or `[address]:port`. Throws `config` for anything else. */
export function readBroker(text: string): Broker {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/.exec(text);
  const [, address, name, digits = '9092'] = found ?? [];
  const host = address ?? name;
  const port = Number(digits);
  if (host !== undefined && port >= 1 && port <= 65_535 && (address === undefined || isIPv6(address)))
    return { host, port };
  throw new ForwardError('config', 'is not the address of a broker', {
    hint: 'expected host:port such as kafka.example.com:9093, without a scheme',
  });
}

/** The topic for the events of a source: `{source}` in the configured name is replaced. */
export function topicOf(topic: string, source: string): string {
  return topic.replaceAll(SOURCE, source);
}

export function isPerSource(topic: string): boolean {
  return topic.includes(SOURCE);
}

/** Checked with a source name of 64 letters in place of `{source}`: the longest there is, and all its characters are allowed in a topic. */
function assertTopic(topic: string): void {
  const longest = topic.replaceAll(SOURCE, 'x'.repeat(64));
  if (/^[A-Za-z0-9._-]{1,249}$/.test(longest) && !/^\.{1,2}$|^__/.test(topic)) return;
  throw new ForwardError('config', 'is not a name that a topic can have', {
    hint: 'expected up to 249 letters, digits, dots, hyphens and underscores, two underscores not first; {source} stands for the name of the source',
  });
}

function assertSasl(sasl: SaslOptions | undefined): void {
  if (sasl === undefined) return;
  const { mechanism, username, oauth2, extensions } = sasl;
  const token = mechanism === 'oauthbearer';
  if (token && oauth2 === undefined)
    throw new ForwardError('config', 'has the mechanism oauthbearer and no oauth2', {
      hint: 'expected oauth2 with token_url, client_id and client_secret',
    });
  if (!token && username === undefined)
    throw new ForwardError('config', `has the mechanism ${mechanism} and no username`, {
      hint: 'expected username and password',
    });
  if (token ? username !== undefined : oauth2 !== undefined || extensions !== undefined)
    throw new ForwardError('config', `has keys that do not go with the mechanism ${mechanism}`, {
      hint: 'expected username and password, or oauth2 (and extensions) for oauthbearer',
    });
}
