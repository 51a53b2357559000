import { cron } from '../../model/cron.ts';
import { parseMoment } from '../../model/moment.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { Means, OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { clientProblems } from '../../net/http.ts';
import { tlsSchema } from '../../net/tls.ts';
import { addressFault } from './filters.ts';
import type { CloudqueryFilters } from './filters.ts';
import { wrongHostHint, wrongKeyHint } from './hints.ts';

const START_FORM = 'a duration such as 30d, an RFC 3339 time, "now" or "beginning"';

/** Polling faster than this only costs requests: the Platform shows events with a delay of its own. */
const POLL_INTERVAL_MIN_MS = 1000;

export const cloudquerySchema = {
  description: 'The audit log of a CloudQuery Platform installation.',
  required: ['url', 'api_key'],
  properties: {
    url: {
      type: 'string',
      format: 'uri',
      maxLength: 2048,
      description:
        'Address of the Platform, such as https://acme.mycloudquery.com; /api is appended when missing.',
    },
    api_key: {
      type: 'string',
      secret: true,
      description: 'A Platform API key whose role may read the audit log; read again when its file changes.',
    },
    api_key_name: {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      description: "The key's name in the Platform, so that we can warn before the key expires.",
    },
    start: {
      type: 'string',
      default: '30d',
      form: START_FORM,
      description: 'How far back the first run reaches: a duration, a time, "now" or "beginning".',
    },
    poll_interval: {
      type: 'string',
      duration: true,
      minimum: POLL_INTERVAL_MIN_MS,
      description: 'Pause between two polls; 15s unless schedule is given.',
    },
    schedule: {
      type: 'string',
      description: 'When to poll, as a cron expression such as "*/5 * * * *", instead of poll_interval.',
    },
    overlap: {
      type: 'string',
      duration: true,
      default: '10m',
      description: 'How much of the recent past each poll reads again, for events that become visible late.',
    },
    audit_horizon: {
      type: 'string',
      duration: true,
      default: '30d',
      description: 'How long closed windows are counted again, for events that become visible very late.',
    },
    rate_limit: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How hard the Platform may be asked.',
      properties: {
        requests_per_second: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 100,
          default: 5,
          description: 'Requests a second, at most.',
        },
        concurrent: {
          type: 'integer',
          minimum: 1,
          maximum: 16,
          default: 1,
          description: 'Requests in flight at once, at most.',
        },
      },
    },
    filters: filtersSchema(),
    request_timeout: {
      type: 'string',
      duration: true,
      minimum: 1000,
      default: '30s',
      description: 'Deadline of one request, its whole answer included.',
    },
    max_response_size: {
      type: 'string',
      size: true,
      minimum: 65_536,
      maximum: 512 * 2 ** 20,
      default: '64MiB',
      description:
        'An answer larger than this, or than the memory of the process has room for, is not used: it is asked for in parts.',
    },
    api: {
      enum: ['auto', 'v1', 'v2'],
      default: 'auto',
      description: 'Version of the Platform API; auto asks the installation.',
    },
    tls: tlsSchema,
  },
} as const satisfies PartSchema;

/** What stands under a source of type `cloudquery`, read: durations in milliseconds, sizes in bytes. */
export type CloudqueryOptions = OptionsOf<typeof cloudquerySchema>;

function filtersSchema(): Means<CloudqueryFilters> & { readonly default: object } {
  const list = (description: string): object => ({
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 512 },
    maxItems: 1000,
    default: [],
    description,
  });
  return {
    type: 'object',
    additionalProperties: false,
    default: {},
    description:
      'Which events are journaled at all; everything when empty. What a filter leaves out reaches no sink.',
    properties: {
      event_type: list('Event types, as globs: * stands for any characters, ? for one.'),
      user: list('Users, by id, e-mail address or name, as globs.'),
      team: list('Teams, by name, as globs (API v1 only).'),
      entity: list('Entities, by display name, as globs.'),
      ip_address: list('Addresses of users: an address, a CIDR range, or text with *.'),
      search: {
        type: 'string',
        maxLength: 512,
        default: '',
        description: 'Text to be found in any of these fields.',
      },
    },
  };
}

/** What the schema cannot say. Paths are keys under the source; no problem quotes a secret. */
export function validateCloudquery(options: CloudqueryOptions): readonly OptionProblem[] {
  const problems: OptionProblem[] = [];
  const add = (path: string, problem: string | null): void => {
    if (problem !== null) problems.push({ path, problem });
  };
  add('url', wrongHostHint(options.url));
  add('api_key', wrongKeyHint(options.api_key.reveal()));
  if (parseMoment(options.start, Date.UTC(2000, 0, 1)) === null) {
    add('start', `is not a time; expected ${START_FORM}`);
  }
  if (options.schedule !== undefined) {
    if (options.poll_interval !== undefined)
      add('schedule', 'schedule and poll_interval exclude one another; keep one');
    if (!cron().validateCronExpression(options.schedule).valid) {
      add('schedule', 'is not a cron expression; expected five fields such as "*/5 * * * *"');
    } else if (!hasNext(options.schedule)) {
      add('schedule', 'names a time that never comes; expected one such as "*/5 * * * *"');
    }
  }
  if (options.overlap > options.audit_horizon)
    add('overlap', 'is longer than audit_horizon; expected a shorter one');
  options.filters.ip_address.forEach((text, index) => add(`filters.ip_address.${index}`, addressFault(text)));
  problems.push(...clientProblems(options.tls, 'tls'));
  return problems;
}

/** The thirtieth of February is a valid expression: asked for its next time, the library throws. */
function hasNext(schedule: string): boolean {
  try {
    new (cron().CronTime)(schedule, 'UTC').getNextDateFrom(new Date(), 'UTC');
    return true;
  } catch {
    return false; // nothing else is thrown here: the expression itself was looked at before
  }
}
