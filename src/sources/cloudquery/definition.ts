import { createCanonicalize } from '../../formats/canonical.ts';
import { openHttpClient } from '../../net/http.ts';
import type { SourceDefinition } from '../source.ts';
import { cloudquerySchema, validateCloudquery } from './options.ts';
import type { CloudqueryOptions } from './options.ts';
import { createCloudquery } from './source.ts';

export const cloudquery: SourceDefinition<CloudqueryOptions> = {
  type: 'cloudquery',
  schema: cloudquerySchema,
  validate: validateCloudquery,
  horizonMs: ({ audit_horizon: horizonMs }) => horizonMs,
  createCanonicalize,
  create: (options, context) =>
    createCloudquery(
      options,
      context,
      openHttpClient({
        tls: options.tls,
        connections: options.rate_limit.concurrent,
        warn: (message) => context.warn(message),
      }),
    ),
};
