import type { CanonicalEvent, CanonicalKey, Classification, Outcome, Severity } from './format.ts';

/**
 * An event as it goes on beside the document that a format made of it: without its texts, which take most of its memory, and which are read
 * again in the rare case that somebody asks for one.
 */
export class LightEvent implements CanonicalEvent {
  readonly id: string;
  readonly source: string;
  readonly seq: bigint;
  readonly createdNs: bigint;
  readonly createdAt: string;
  readonly receivedAt: string;
  readonly classification: Classification;
  readonly title: string;
  readonly outcome: Outcome;
  readonly severity: Severity;
  readonly actor: CanonicalEvent['actor'];
  readonly apiKey: CanonicalKey | undefined;
  readonly ip: string | undefined;
  readonly address: string | undefined;
  readonly entityName: string | undefined;
  readonly entityId: string | undefined;
  readonly target: CanonicalEvent['target'];
  readonly addedRoles: readonly string[];
  readonly removedRoles: readonly string[];
  readonly changedAttributes: readonly string[];
  readonly reason: string | undefined;
  readonly team: string | undefined;
  readonly redactions: number;
  readonly trimmed: number;
  readonly weight: number;
  readonly #read: () => CanonicalEvent;

  /** `read` gives the whole event. */
  constructor(event: CanonicalEvent, read: () => CanonicalEvent) {
    this.id = event.id;
    this.source = event.source;
    this.seq = event.seq;
    this.createdNs = event.createdNs;
    this.createdAt = event.createdAt;
    this.receivedAt = event.receivedAt;
    this.classification = event.classification;
    this.title = event.title;
    this.outcome = event.outcome;
    this.severity = event.severity;
    this.actor = event.actor;
    this.apiKey = event.apiKey;
    this.ip = event.ip;
    this.address = event.address;
    this.entityName = event.entityName;
    this.entityId = event.entityId;
    this.target = event.target;
    this.addedRoles = event.addedRoles;
    this.removedRoles = event.removedRoles;
    this.changedAttributes = event.changedAttributes;
    this.reason = event.reason;
    this.team = event.team;
    this.redactions = event.redactions;
    this.trimmed = event.trimmed ?? 0;
    this.weight = event.weight ?? 0;
    this.#read = read;
  }

  get details(): CanonicalEvent['details'] {
    return this.#read().details;
  }

  get originalText(): string {
    return this.#read().originalText;
  }

  get verbatim(): string {
    return this.#read().verbatim ?? '';
  }
}
