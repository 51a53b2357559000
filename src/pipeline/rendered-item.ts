import type { CanonicalEvent, Origin } from '../formats/format.ts';
import type { Item } from '../sinks/sink.ts';

/** An item whose document is kept as bytes: its text is made when it is asked for, and is garbage at once. */
export class RenderedItem implements Item {
  readonly canonical: CanonicalEvent;
  readonly origin: Origin;
  readonly kind: Item['kind'];
  readonly utf8: Buffer;
  readonly digest?: string;

  constructor(
    canonical: CanonicalEvent,
    origin: Origin,
    kind: Item['kind'],
    utf8: Buffer,
    digest: string | undefined,
  ) {
    this.canonical = canonical;
    this.origin = origin;
    this.kind = kind;
    this.utf8 = utf8;
    if (digest !== undefined) this.digest = digest;
  }

  get body(): string {
    return this.utf8.toString('utf8');
  }
}
