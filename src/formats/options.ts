import type { GivenOf, OptionsOf } from '../model/options.ts';
import type { PartSchema } from '../model/part.ts';
import { DOMAINS, VERBS } from './vocabulary.ts';

const text = { type: 'string', minLength: 1, maxLength: 512 } as const;
const texts = { type: 'array', items: text, maxItems: 1000, default: [] } as const;
const pointer = { type: 'string', pattern: '^(?:/(?:[^~/]|~[01])*)+$', maxLength: 512 } as const;

export const normalizeSchema = {
  description: 'How events are understood before they are put into a format: the same for every sink.',
  properties: {
    event_types: {
      type: 'array',
      maxItems: 1000,
      default: [],
      description:
        'What event types mean, where the classifier is wrong or does not know: exact names win over patterns, earlier patterns over later ones.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['match'],
        minProperties: 2,
        properties: {
          match: {
            ...text,
            description: 'An event type as the Platform sends it, or a pattern with * and ?.',
          },
          category: { enum: DOMAINS, description: 'The kind of thing that was acted on.' },
          object: {
            type: 'string',
            pattern: '^[a-z][a-z0-9_]{0,63}$',
            description: 'The thing itself, such as api_key or sync.',
          },
          action: { enum: VERBS, description: 'What was done to it.' },
          outcome: {
            enum: ['success', 'failure', 'unknown'],
            description: 'The outcome where the event itself does not say.',
          },
          severity: {
            enum: ['informational', 'low', 'medium', 'high', 'critical'],
            description: 'The severity, whatever the outcome.',
          },
        },
      },
    },
    redact: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description:
        'Replaces values under keys that look secret (password, token, api_key …) before an event leaves.',
      properties: {
        enabled: { type: 'boolean', default: true, description: 'Whether secrets are replaced.' },
        keys: { ...texts, description: 'Further keys whose values are replaced.' },
        keep: { ...texts, description: 'Keys that look secret and are not.' },
        replacement: {
          type: 'string',
          maxLength: 64,
          default: '[redacted]',
          description: 'The text that stands for a replaced value.',
        },
      },
    },
    trim_user: {
      type: 'boolean',
      default: true,
      description:
        'Leaves out of the embedded user the permissions of its roles (SQL text) and the names and e-mails of their creators.',
    },
    system_actors: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Users that are the Platform itself, not a person.',
      properties: {
        ids: { ...texts, description: 'User ids.' },
        emails: { ...texts, description: 'E-mail addresses.' },
      },
    },
    pointers: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description:
        'JSON pointers into the event for what the API does not promise, such as /event_details/actor/reason.',
      properties: {
        target_user: {
          ...pointer,
          description: 'The user acted on: an object with id, email, name, or an e-mail or id.',
        },
        api_key: {
          ...pointer,
          description:
            'The API key that acted: an object with id and name, or an id or a name. Never the key itself.',
        },
        entity_id: { ...pointer, description: 'The id of the thing acted on.' },
        reason: { ...pointer, description: 'Why it failed or was done.' },
        changes: { ...pointer, description: 'The object or list that says which attributes changed.' },
        old_roles: { ...pointer, description: 'The roles before.' },
        new_roles: { ...pointer, description: 'The roles after.' },
        team: { ...pointer, description: 'The name of the team.' },
      },
    },
    labels: {
      type: 'object',
      maxProperties: 64,
      default: {},
      propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9_]{0,62}$' },
      additionalProperties: { type: 'string', maxLength: 1024 },
      description: 'Constant fields that every event carries, such as environment: production.',
    },
    instance: {
      type: 'string',
      minLength: 1,
      maxLength: 253,
      pattern: '^[A-Za-z0-9._-]+$',
      form: 'a host name',
      description: "The installation's host name to show, where it is not the one in the source's URL.",
    },
  },
} as const satisfies PartSchema;

/** The top-level `normalize:` section. */
export type NormalizeOptions = OptionsOf<typeof normalizeSchema>;
/** Without the defaults. */
export type GivenNormalizeOptions = GivenOf<typeof normalizeSchema>;

/** One row of the operator's table of event types. It always wins over the classifier. */
export type EventTypeRow = NormalizeOptions['event_types'][number];
/** Where the operator's installation puts what the API's contract does not name: JSON pointers into the event. */
export type Pointers = NormalizeOptions['pointers'];
