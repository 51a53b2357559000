import { inspect } from 'node:util';

/**
 * A credential. Its value leaves only through `reveal`, so that printing, logging or serializing whatever holds it
 * shows `[secret]`.
 *
 * A value that was replaced (its file changed) is tried at once; the one before is kept until the new one has proved
 * itself: when a peer refuses the new one, `refresh` goes back to the old one, and forth again should that be refused too.
 */
export class Secret {
  readonly #read: () => string;
  #value: string;
  /** What was last read where the secret comes from, whatever is in use. */
  #seen: string;
  /** In use before the last change. */
  #before: string | null = null;
  /** Changes between the two values since the last change of the source: two at most, so that no loop comes of it. */
  #turns = 0;

  /** `read` gives today's value (from a file or the environment) and may throw; the first value is read at once. */
  constructor(read: () => string) {
    this.#read = read;
    this.#value = read();
    this.#seen = this.#value;
  }

  static of(value: string): Secret {
    return new Secret(() => value);
  }

  /** The value to use now: read again, since its file may have changed. */
  reveal(): string {
    this.#look();
    return this.#value;
  }

  /**
   * The text with every value that this secret has now, or had before its last change, taken out, in every form in which a peer may quote
   * it. `username` goes with a password.
   */
  hide(text: string, username?: string): string {
    const values = [this.#value, this.#seen, this.#before ?? ''].filter((value) => value !== '');
    const forms = new Set(values.flatMap((value) => formsOf(value, username)));
    // The longest first: one form may be a part of another.
    return [...forms]
      .sort((one, other) => other.length - one.length)
      .reduce((left, form) => withoutForm(left, form, String(this)), text);
  }

  /**
   * To be called after a peer refused the value, as often as one likes. Returns whether there is another one to try: a
   * changed one, or the one before the last change.
   */
  refresh(): boolean {
    if (this.#look()) return true;
    if (this.#before === null || this.#turns >= TURNS_LIMIT) return false;
    this.#turns += 1;
    [this.#value, this.#before] = [this.#before, this.#value];
    return true;
  }

  /** Reads the source; a value that is new there is in use from now on. An unreadable source changes nothing. */
  #look(): boolean {
    let next: string;
    try {
      next = this.#read();
    } catch {
      return false; // a secret that is being replaced may be missing for a moment; the old one is used meanwhile
    }
    if (next === this.#seen) return false;
    this.#seen = next;
    if (next === this.#value) return false;
    this.#before = this.#value;
    this.#value = next;
    this.#turns = 0;
    return true;
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

/** Back to the old value, and forth to the new one again. */
const TURNS_LIMIT = 2;

/** Words that were cut, and so many characters of a secret before the cut, are still taken out. */
const CUT = '…';
const LEAST_OF_CUT = 4;

/** The value as it is, within JSON, within an address, without the scheme before it, and what is encoded in it. */
function formsOf(value: string, username: string | undefined): readonly string[] {
  const bare = value.replace(/^[A-Za-z]+ +/, '');
  const plain = [value, bare, ...decoded(bare)];
  if (username !== undefined) plain.push(Buffer.from(`${username}:${value}`).toString('base64'));
  return plain
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text.toWellFormed())])
    .filter((text) => text !== '');
}

/** The pair of a name and a password that Basic credentials and API keys are, and the password alone. */
function decoded(text: string): readonly string[] {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]{8,}={0,2}$/.test(text)) return [];
  const pair = Buffer.from(text, 'base64').toString('utf8');
  const [, password] = /^[\x20-\x7e]+?:([\x20-\x7e]+)$/.exec(pair) ?? [];
  return password === undefined ? [] : [pair, password];
}

function withoutForm(text: string, form: string, shown: string): string {
  const left = text.replaceAll(form, shown);
  if (!left.includes(CUT)) return left;
  return left
    .split(CUT)
    .map((part, index, parts) => (index < parts.length - 1 ? withoutStart(part, form, shown) : part))
    .join(CUT);
}

function withoutStart(text: string, form: string, shown: string): string {
  for (let length = form.length - 1; length >= LEAST_OF_CUT; length -= 1) {
    if (text.endsWith(form.slice(0, length))) return `${text.slice(0, -length)}${shown}`;
  }
  return text;
}
