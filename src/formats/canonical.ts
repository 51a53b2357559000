import type { AuditEvent, Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { withDefaults } from '../model/options.ts';
import { msToNs, parseTime } from '../model/time.ts';
import { createReadActor, statedAt } from './actor.ts';
import type { ReadActor } from './actor.ts';
import { readAddress } from './address.ts';
import { baseSeverity } from './base-severity.ts';
import { createClassify, type Classify } from './classify.ts';
import { follow, readDetails, userOf } from './details.ts';
import type { Canonicalize, CanonicalEvent, CanonicalUser, Classification, Outcome } from './format.ts';
import { jsonLine, safeLine } from './json.ts';
import { normalizeSchema } from './options.ts';
import type { EventTypeRow, GivenNormalizeOptions, NormalizeOptions } from './options.ts';
import { createRedact, type Redact } from './redact.ts';
import { UNKNOWN } from './vocabulary.ts';

type Item = JsonObject;

/**
 * Reads events of the journal into the canonical form, once for all formats. Never throws: whatever is missing or of another shape is
 * absent. `given` is the validated `normalize:` section.
 */
export function createCanonicalize(given: GivenNormalizeOptions = {}): Canonicalize {
  const options = withDefaults(normalizeSchema, given);
  const classify = createClassify(options.event_types);
  const redact = createRedact(options);
  const readActor = createReadActor(options.system_actors);
  return (event) => canonical(event, options, classify, redact, readActor);
}

function canonical(
  event: AuditEvent,
  options: NormalizeOptions,
  classify: Classify,
  redact: Redact,
  readActor: ReadActor,
): CanonicalEvent {
  // Made well formed first, so that no text read from it, key or value, has half a character.
  const verbatim = safeLine(event.original);
  const { item: read, text, redactions, trimmed, weight } = redact(verbatim);
  const item: Item = isObject(read) ? read : {};
  const { classification, row, title } = classify(stringOf(item['event_type']));
  const { ip, address } = readAddress(stringOf(item['user_ip_address']));
  const details = readDetails(item, classification, options.pointers);
  const refined = refine(classification, row, details.addedRoles, details.removedRoles);
  const outcome = outcomeOf(item, refined);
  const entityName = statedAt(item, 'entity_display_name');
  const target = details.target ?? targetByName(refined, entityName);
  return {
    id: event.id.toWellFormed(),
    source: event.source,
    seq: event.seq,
    createdNs: event.createdNs ?? parseTime(event.createdAt) ?? receivedNs(event),
    createdAt: event.createdAt.toWellFormed(),
    receivedAt: event.receivedAt,
    classification: refined,
    title,
    outcome,
    severity: row?.severity ?? baseSeverity(refined, outcome, details.powerAdded),
    actor: readActor(item['user'], isSignIn(refined)),
    apiKey: details.apiKey,
    ip,
    address,
    entityName,
    entityId: details.entityId,
    target:
      target === undefined || details.rolesBefore.length === 0
        ? target
        : { ...target, roles: details.rolesBefore },
    addedRoles: details.addedRoles,
    removedRoles: details.removedRoles,
    changedAttributes: details.changedAttributes,
    reason: details.reason,
    team: teamOf(item, options),
    details: item['event_details'] ?? null,
    originalText: read === undefined ? unreadable(text) : text,
    redactions,
    trimmed,
    verbatim,
    weight,
  };
}

/** Text that is no JSON could hide anything, and stays behind. */
function unreadable(text: string): string {
  return jsonLine({ unreadable: `${text.length} characters that are not JSON` });
}

/** Roles that were only added or only removed say more than "updated", unless the operator's row says what it was. */
function refine(
  given: Classification,
  row: EventTypeRow | null,
  added: readonly string[],
  removed: readonly string[],
): Classification {
  if (row?.action !== undefined || row?.object !== undefined) return given;
  if (given.object !== 'role_assignment' || given.verb !== 'update') return given;
  if (added.length > 0 && removed.length === 0) return { ...given, verb: 'grant' };
  return removed.length > 0 && added.length === 0 ? { ...given, verb: 'revoke' } : given;
}

/** Whoever signs in is a person, known or not; a session that has run out is ended by the Platform. */
function isSignIn({ domain, verb }: Classification): boolean {
  return domain === 'auth' && verb !== 'logout';
}

/** What the event states, else what its name says, else unknown: never success by default. */
function outcomeOf(item: Item, classification: Classification): Outcome {
  const stated = item['is_success'];
  if (typeof stated === 'boolean') return stated ? 'success' : 'failure';
  return classification.outcomeHint ?? 'unknown';
}

/**
 * An event about a user whose details name nobody: the entity shown is that user. About a password or a second factor it may as well be the
 * factor ("Authenticator app"), about rights the role and about members the team, so only an e-mail is taken for one.
 */
function targetByName(
  { domain, object, verb }: Classification,
  entityName: string | undefined,
): CanonicalUser | undefined {
  if (entityName === undefined || verb === UNKNOWN) return undefined;
  const partly =
    domain === 'privilege' || object === 'team_member' || object === 'password' || object === 'mfa';
  if (domain !== 'user' && !partly) return undefined;
  return partly && !/^[^\s@]+@[^\s@]+$/.test(entityName.trim()) ? undefined : userOf(entityName);
}

function teamOf(item: Item, options: NormalizeOptions): string | undefined {
  const pointed = options.pointers.team === undefined ? undefined : follow(item, options.pointers.team);
  return typeof pointed === 'string' && pointed.trim() !== '' ? pointed : statedAt(item, 'team_name');
}

function receivedNs(event: AuditEvent): bigint {
  const ms = Date.parse(event.receivedAt);
  return Number.isNaN(ms) ? 0n : msToNs(ms);
}

function stringOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
