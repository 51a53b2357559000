import type { AuditEvent, Json } from '../model/event.ts';
import type { PartSchema } from '../model/part.ts';

export type Outcome = 'success' | 'failure' | 'unknown';
export type Severity = 'informational' | 'low' | 'medium' | 'high' | 'critical';
export type ActorType = 'user' | 'admin' | 'service' | 'system';

/** What the classifier made of an event type that nobody has published. */
export interface Classification {
  /** The event type as sent. */
  readonly eventType: string;
  /** Lower case, words joined by `_`. */
  readonly slug: string;
  readonly domain: string;
  readonly object: string;
  readonly verb: string;
  readonly outcomeHint: Outcome | null;
  readonly confidence: 'high' | 'medium' | 'low';
  /** True when a row of the operator's table decided. */
  readonly overridden: boolean;
}

export interface CanonicalUser {
  readonly id?: string | undefined;
  readonly email?: string | undefined;
  readonly name?: string | undefined;
}

export interface CanonicalRole {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly type?: string | undefined;
}

/** An API key, by what tells it without being it. */
export interface CanonicalKey {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
}

/**
 * One audit event, understood once; every format is a pure function of it. Whatever the event does not say is undefined:
 * an outcome that is not stated is `unknown`, never success. Every text is well formed: no half of a character gets past the reading.
 */
export interface CanonicalEvent {
  readonly id: string;
  readonly source: string;
  readonly seq: bigint;
  /** created_at in nanoseconds since 1970. */
  readonly createdNs: bigint;
  readonly createdAt: string;
  readonly receivedAt: string;
  readonly classification: Classification;
  /** "Api Key Deleted". */
  readonly title: string;
  readonly outcome: Outcome;
  readonly severity: Severity;
  readonly actor: CanonicalUser & {
    readonly type: ActorType;
    readonly roles: readonly CanonicalRole[];
    readonly provider?: string | undefined;
    readonly enabled?: boolean | undefined;
    readonly mfaConfigured?: boolean | undefined;
    readonly lastLoginAt?: string | undefined;
  };
  /** The API key that acted for the actor, where the event names it. */
  readonly apiKey?: CanonicalKey | undefined;
  /** A normalized IP address; undefined when the text is not one. */
  readonly ip?: string | undefined;
  /** The address as text, also when it is no IP address. */
  readonly address?: string | undefined;
  readonly entityName?: string | undefined;
  readonly entityId?: string | undefined;
  /** The user acted on, with the roles before where the event tells them. */
  readonly target?: (CanonicalUser & { readonly roles?: readonly string[] }) | undefined;
  readonly addedRoles: readonly string[];
  readonly removedRoles: readonly string[];
  readonly changedAttributes: readonly string[];
  readonly reason?: string | undefined;
  readonly team?: string | undefined;
  /** event_details after redaction; null when absent. Numbers that a double cannot hold are kept as raw JSON. */
  readonly details: Json;
  /** The whole item after redaction, as JSON text: what `event.original`, `raw_data` and `raw` carry. */
  readonly originalText: string;
  /** How many values redaction replaced. */
  readonly redactions: number;
  /** How many parts of the embedded user were left out: role permissions, other people's e-mails. */
  readonly trimmed?: number;
  /** The item as received, on one line, before redaction: only `raw` with `redact: false` carries it. */
  readonly verbatim?: string;
  /** About what the parsed item takes in memory. Bytes. */
  readonly weight?: number;
}

/** Whose audit log it is: the names that formats and sinks put in each standard's own place. */
export interface Product {
  /** "CloudQuery". */
  readonly vendor: string;
  /** "CloudQuery Platform". */
  readonly name: string;
  /** One lower-case word for names of fields, tags and modules: "cloudquery". */
  readonly slug: string;
  /** The product as the name of a service: "cloudquery-platform". */
  readonly service: string;
}

/** What the configuration says of every event's origin. */
export interface OriginConstants {
  readonly forwarderVersion: string;
  /** The operator's own labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** The operator's own name for the installation, instead of its host. */
  readonly instance?: string;
}

/**
 * Where an event comes from and who carries it: constant for a source, put in each format's proper place. Every text is well formed, and
 * an origin is never changed: formats keep what they made of it.
 */
export interface Origin extends OriginConstants {
  readonly product: Product;
  /** Host of the Platform installation: "acme.mycloudquery.com". */
  readonly instance: string;
  readonly apiVersion: string;
  readonly platformVersion?: string;
  readonly tenantId?: string;
}

/** Event to wire document: a pure function that never throws, whatever the event holds. */
export interface Format {
  readonly name: string;
  /** `json`: the document is one JSON object on one line; `text`: one line of text. */
  readonly kind: 'json' | 'text';
  render(event: CanonicalEvent, origin: Origin): string;
}

/** Reads an event of the journal into the canonical form. Never throws. */
export type Canonicalize = (event: AuditEvent) => CanonicalEvent;

/** How a format enters the program: one of these per file, one line in registry.ts. */
export interface FormatDefinition<Options = unknown> {
  readonly name: string;
  readonly kind: Format['kind'];
  /** Keys of a sink's `format_options`. */
  readonly schema: PartSchema;
  create(options: Options): Format;
}

/**
 * What a format says of an event's origin, made once for each origin instead of for each event. `make` must be pure: an origin is one
 * unchanging object for as long as nothing new is known of the installation.
 */
export function perOrigin<T>(make: (origin: Origin) => T): (origin: Origin) => T {
  const made = new WeakMap<Origin, T>();
  return (origin) => {
    const known = made.get(origin);
    if (known !== undefined) return known;
    const fresh = make(origin);
    made.set(origin, fresh);
    return fresh;
  };
}
