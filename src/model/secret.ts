import { inspect } from 'node:util';

/**
 * A credential. Its value leaves only through `reveal`, so that printing, logging or serializing whatever holds it
 * shows `[secret]`.
 */
export class Secret {
  readonly #read: () => string;
  #value: string;

  /** `read` gives today's value (from a file or the environment) and may throw; the first value is read at once. */
  constructor(read: () => string) {
    this.#read = read;
    this.#value = read();
  }

  static of(value: string): Secret {
    return new Secret(() => value);
  }

  reveal(): string {
    return this.#value;
  }

  /** Reads the value again from where it came from. Returns whether it changed; an unreadable file keeps the old value. */
  refresh(): boolean {
    let next: string;
    try {
      next = this.#read();
    } catch {
      return false; // a secret that is being replaced may be missing for a moment; the old one is tried meanwhile
    }
    const changed = next !== this.#value;
    this.#value = next;
    return changed;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
