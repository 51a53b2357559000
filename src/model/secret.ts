import { inspect } from 'node:util';

/** Something that a peer accepts or refuses. */
export interface Credential<Value = string> {
  /** The value to use now, and its version: what to name should a peer refuse it. It may have to be asked for. */
  get(signal?: AbortSignal): Promise<{ readonly value: Value; readonly version: number }>;
  /**
   * A peer refused this version, by a 401 or 403 or what its protocol has for that. Returns whether another one is to be used instead.
   * Nothing else may lead here: a peer that is down says nothing about a credential.
   */
  refused(version: number): boolean;
}

interface Version {
  readonly version: number;
  readonly value: string;
  refused: boolean;
}

/** Versions that are kept: the newest, and those before it in case it is refused, as one that is only half written would be. */
const VERSIONS_KEPT = 3;

/**
 * A credential that stands in a file, in the environment or in the configuration. Its value leaves only through `get`, `reveal` and
 * `known`, so that printing, logging or serializing whatever holds it shows `[secret]`.
 *
 * A value that was replaced (its file changed) is in use at once. The ones before are kept: the newest that no peer has refused is
 * used, and the newest of all once every one of them was refused.
 */
export class Secret implements Credential {
  readonly #read: () => string;
  /** The newest first. */
  #versions: readonly [Version, ...Version[]];
  /** The version that `get` gave last; 0 before the first time. */
  #given = 0;
  /** The newest version when `fellBack` was true last. */
  #fellBackFrom = 0;

  /** `read` gives today's value (from a file or the environment) and may throw; the first value is read at once. */
  constructor(read: () => string) {
    this.#read = read;
    this.#versions = [{ version: 1, value: read(), refused: false }];
  }

  static of(value: string): Secret {
    return new Secret(() => value);
  }

  async get(): Promise<{ readonly value: string; readonly version: number }> {
    const { value, version } = this.#current();
    this.#given = version;
    return { value, version };
  }

  refused(version: number): boolean {
    const one = this.#versions.find((known) => known.version === version);
    if (one !== undefined) one.refused = true;
    return this.#current().version !== version;
  }

  /** The value to use now, where no peer answers for it. */
  reveal(): string {
    return this.#current().value;
  }

  /** Whether the value to use now is another one than `get` gave last: then a hold may end. */
  replaced(): boolean {
    return this.#given !== 0 && this.#current().version !== this.#given;
  }

  /** Whether the newest value was refused and one before it is in use. True once for each newest value: to say it. */
  fellBack(): boolean {
    const inUse = this.#current();
    const [newest] = this.#versions;
    if (inUse === newest || this.#fellBackFrom === newest.version) return false;
    this.#fellBackFrom = newest.version;
    return true;
  }

  /** Every value that it has, or had of late: only for taking them out of what is shown. */
  known(): readonly string[] {
    return this.#versions.map(({ value }) => value);
  }

  #current(): Version {
    this.#look();
    return this.#versions.find((version) => !version.refused) ?? this.#versions[0];
  }

  /** A source that cannot be read, or is empty, changes nothing: it is being replaced, and the value at hand is used meanwhile. */
  #look(): void {
    let value: string;
    try {
      value = this.#read();
    } catch {
      return;
    }
    const [newest] = this.#versions;
    if (value === '' || value === newest.value) return;
    const kept = this.#versions.slice(0, VERSIONS_KEPT - 1);
    this.#versions = [{ version: newest.version + 1, value, refused: false }, ...kept];
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

/** A secret, where it stands, and the user name that is sent together with it. */
export interface FoundSecret {
  /** `search.token` */
  readonly path: string;
  readonly secret: Secret;
  readonly username: string | undefined;
}

/** Every secret within some options, wherever it stands. */
export function secretsWithin(options: unknown, above = ''): readonly FoundSecret[] {
  if (typeof options !== 'object' || options === null) return [];
  const { username } = options as { readonly username?: unknown };
  return Object.entries(options).flatMap(([key, member]: [string, unknown]) => {
    const path = above === '' ? key : `${above}.${key}`;
    if (!(member instanceof Secret)) return secretsWithin(member, path);
    return [{ path, secret: member, username: typeof username === 'string' ? username : undefined }];
  });
}
