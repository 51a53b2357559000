import { ForwardError } from '../../model/errors.ts';
import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { assertAwsKeys, awsKeyProperties, awsKeyRules } from '../../net/aws.ts';
import { clientProblems } from '../../net/http.ts';
import { tlsSchema } from '../../net/tls.ts';
import { readHttpAddress } from '../http-address.ts';
import { prefixFault } from './folder.ts';
import { assertParquet } from './parquet.ts';

export const s3Schema = {
  description: 'Amazon S3 and what speaks its protocol (MinIO, R2, Ceph): one object per batch.',
  required: ['bucket'],
  properties: {
    bucket: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      form: '3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends',
      description: 'Name of the bucket; it must be there.',
    },
    prefix: {
      type: 'string',
      pattern: "^(?!/)[A-Za-z0-9!_.*'()/={}-]{0,512}$",
      form: 'at most 512 letters, digits, slashes and the signs ! _ . * ( ) = { } -, no slash first',
      default: '',
      description: 'What the name of every object begins with, such as cloudquery/, or cloudquery/{date}/.',
    },
    region: {
      type: 'string',
      pattern: '^[a-z0-9-]+$',
      form: 'the name of a region such as eu-west-1',
      default: 'us-east-1',
      description: 'Region of the bucket.',
    },
    endpoint: {
      type: 'string',
      pattern: '^https?://[^\\s@]+$',
      form: 'an address such as http://minio:9000, without a user in it',
      description: 'Address of another store than Amazon: http://minio:9000.',
    },
    path_style: {
      type: 'boolean',
      description:
        'The bucket in the path and not in the host name; so with an endpoint or a dot in the name.',
    },
    encoding: {
      enum: ['ndjson_gzip', 'ndjson_zstd', 'parquet'],
      default: 'ndjson_gzip',
      description: 'One document per line, compressed; or Parquet, with format: ocsf.',
    },
    parquet: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How an object of Parquet is written.',
      properties: {
        compression: { enum: ['zstd', 'snappy'], default: 'zstd', description: 'Compression of its pages.' },
        row_group_events: {
          type: 'integer',
          minimum: 100,
          maximum: 10_000,
          default: 1000,
          description: 'Events in one row group.',
        },
      },
    },
    storage_class: {
      type: 'string',
      pattern: '^[A-Z_]+$',
      form: 'capitals and "_", such as STANDARD_IA',
      description: 'Storage class, such as STANDARD_IA.',
    },
    server_side_encryption: {
      enum: ['AES256', 'aws:kms'],
      description: 'Encryption at rest; the bucket decides when absent.',
    },
    kms_key_id: {
      type: 'string',
      minLength: 1,
      description: 'Key for aws:kms; the default key when absent.',
    },
    if_none_match: {
      type: 'boolean',
      default: true,
      description: 'Never write over an object; false for a store that does not know the header.',
    },
    ...awsKeyProperties,
    request_timeout: {
      type: 'string',
      duration: true,
      default: '60s',
      description: 'Longest wait for a whole answer.',
    },
    tls: tlsSchema,
  },
  rules: { dependentRequired: { ...awsKeyRules, kms_key_id: ['server_side_encryption'] } },
} as const satisfies PartSchema;

export type S3Options = OptionsOf<typeof s3Schema>;

/** What the schema cannot say, each at its own key. `format` and its options are keys of every sink. */
export function validateS3(
  options: S3Options & {
    readonly format?: string;
    readonly format_options?: { readonly single_class?: boolean };
  },
): readonly OptionProblem[] {
  const key = options.endpoint === undefined ? 'bucket' : 'endpoint';
  return [
    ...problemsOf([
      [key, () => bucketUrl(options)],
      ['', () => assertAwsKeys(options)],
      ['kms_key_id', () => assertKms(options)],
      ['prefix', () => assertPrefix(options)],
      ['encoding', () => assertEncoding(options)],
    ]),
    ...clientProblems(options.tls, 'tls'),
  ];
}

function assertKms({ kms_key_id: id, server_side_encryption: encryption }: S3Options): void {
  if (id === undefined || encryption === 'aws:kms') return;
  throw new ForwardError('config', 'goes with server_side_encryption: aws:kms only', {
    hint: 'expected that, or no key',
  });
}

function assertPrefix({
  prefix,
  encoding,
  format,
  format_options: { single_class: single = false } = {},
}: Parameters<typeof validateS3>[0]): void {
  const fault = prefixFault(prefix, format === 'ocsf', encoding === 'parquet' && !single);
  if (fault !== null) throw new ForwardError('config', fault);
}

function assertEncoding({ encoding, format }: Parameters<typeof validateS3>[0]): void {
  if (encoding !== 'parquet') return;
  if (format !== 'ocsf') {
    throw new ForwardError('config', 'parquet has columns for OCSF only', {
      hint: 'expected format: ocsf with it, or another encoding',
    });
  }
  assertParquet();
}

/** The address of the bucket, with a slash at its end. */
export function bucketUrl({ bucket, region, endpoint, path_style: pathStyle }: S3Options): URL {
  const url = readHttpAddress(endpoint ?? `https://s3.${region}.amazonaws.com`);
  const base = url.pathname.replace(/\/+$/, '');
  // A certificate for *.s3.… does not cover a name with a dot.
  if (pathStyle ?? (endpoint !== undefined || bucket.includes('.'))) url.pathname = `${base}/${bucket}/`;
  else {
    url.hostname = `${bucket}.${url.hostname}`;
    url.pathname = `${base}/`;
  }
  return url;
}
