import type { CanonicalEvent, Classification, Outcome, Severity } from './format.ts';

/**
 * An event as it goes on beside the document that a format made of it: with the little that most sinks look at. All else takes most of its
 * memory, and is read again in the rare case that somebody asks for it; a sink that always does says so (`wholeEvents`).
 */
export class LightEvent implements CanonicalEvent {
  readonly id: string;
  readonly source: string;
  readonly seq: bigint;
  readonly createdNs: bigint;
  readonly createdAt: string;
  readonly receivedAt: string;
  readonly classification: Classification;
  readonly outcome: Outcome;
  readonly severity: Severity;
  readonly actor: CanonicalEvent['actor'];
  readonly ip: string | undefined;
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
    this.outcome = event.outcome;
    this.severity = event.severity;
    this.actor = event.actor;
    this.ip = event.ip;
    this.redactions = event.redactions;
    this.trimmed = event.trimmed ?? 0;
    this.weight = event.weight ?? 0;
    this.#read = read;
  }

  get title(): string {
    return this.#read().title;
  }

  get apiKey(): CanonicalEvent['apiKey'] {
    return this.#read().apiKey;
  }

  get address(): string | undefined {
    return this.#read().address;
  }

  get entityName(): string | undefined {
    return this.#read().entityName;
  }

  get entityId(): string | undefined {
    return this.#read().entityId;
  }

  get target(): CanonicalEvent['target'] {
    return this.#read().target;
  }

  get addedRoles(): readonly string[] {
    return this.#read().addedRoles;
  }

  get removedRoles(): readonly string[] {
    return this.#read().removedRoles;
  }

  get changedAttributes(): readonly string[] {
    return this.#read().changedAttributes;
  }

  get reason(): string | undefined {
    return this.#read().reason;
  }

  get team(): string | undefined {
    return this.#read().team;
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
