/** Whether a whole text is what a glob, or one of several, describes. */
export type Fits = (text: string) => boolean;

/**
 * The globs of this program, all of them: `*` is any text, also none and over several lines, `?` is exactly one character, and everything else
 * is itself; case does not matter, and there is no escape. A use that ignores more than case (separators, say) prepares the text.
 *
 * Texts come from outside and must not be able to cost more than their length: a regular expression or a search that goes back to a `*` takes
 * the length once for each star. So all places of the glob that the text may have reached are kept as bits, and each character moves them at
 * once: every character is looked at once, at the price of one operation for each 32 characters of the glob.
 */
export function globOf(glob: string): Fits {
  const { words, stars, literals, anyOne, end } = compile(glob);
  return (text) => {
    const places = new Int32Array(words);
    places[0] = 1;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.codePointAt(at) ?? 0;
      if (code > LAST_UNIT) at += 1;
      const accepting = literals.get(foldedCode(code)) ?? anyOne;
      let alive = 0;
      // From the last word down, because a word takes the bit that leaves the one before it.
      for (let word = words - 1; word >= 0; word -= 1) {
        const here = places[word] ?? 0;
        const before = word === 0 ? 0 : (places[word - 1] ?? 0) & (accepting[word - 1] ?? 0);
        const moved = ((here & (accepting[word] ?? 0)) << 1) | (before >>> (WORD_BITS - 1));
        const now = moved | (here & (stars[word] ?? 0));
        places[word] = now;
        alive |= now;
      }
      if (alive === 0) return false;
      if (hasBit(places, end) && hasBit(stars, end)) return true;
    }
    return hasBit(places, end);
  };
}

/** One of several. */
export function globsOf(globs: readonly string[]): Fits {
  const compiled = globs.map(globOf);
  return (text) => compiled.some((fits) => fits(text));
}

const WORD_BITS = 32;
const LAST_UNIT = 0xffff;
const LAST_ASCII = 0x7f;

type Bits = Int32Array;

interface Compiled {
  /** How many numbers of 32 bits hold the places: one more than the glob has characters beside its stars. */
  readonly words: number;
  /** Places before which a star stands: they stay reached whatever comes. */
  readonly stars: Bits;
  /** By character, the places from which it leads to the next one. */
  readonly literals: ReadonlyMap<number, Bits>;
  /** The same for any other character: where a `?` stands. */
  readonly anyOne: Bits;
  readonly end: number;
}

function compile(glob: string): Compiled {
  const characters = [...glob];
  const end = characters.filter((character) => character !== '*').length;
  const words = Math.floor(end / WORD_BITS) + 1;
  const stars = new Int32Array(words);
  const anyOne = new Int32Array(words);
  const literals = new Map<number, Bits>();
  let place = 0;
  for (const character of characters) {
    if (character === '*') setBit(stars, place);
    else if (character === '?') setBit(anyOne, place++);
    else {
      const code = foldedCode(character.codePointAt(0) ?? 0);
      const bits = literals.get(code) ?? new Int32Array(words);
      literals.set(code, bits);
      setBit(bits, place++);
    }
  }
  for (const bits of literals.values()) anyOne.forEach((any, word) => (bits[word] = (bits[word] ?? 0) | any));
  return { words, stars, literals, anyOne, end };
}

function setBit(bits: Bits, at: number): void {
  const word = Math.floor(at / WORD_BITS);
  bits[word] = (bits[word] ?? 0) | (1 << (at % WORD_BITS));
}

function hasBit(bits: Bits, at: number): boolean {
  return ((bits[Math.floor(at / WORD_BITS)] ?? 0) & (1 << (at % WORD_BITS))) !== 0;
}

/** One character without its case, always as one character, so that `?` and the places in a text stay what they are. */
function foldedCode(code: number): number {
  if (code <= LAST_ASCII) return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
  return single(single(code, 'toUpperCase'), 'toLowerCase');
}

/** The other case where that is a single character as well: `ß` has none. */
function single(code: number, turn: 'toUpperCase' | 'toLowerCase'): number {
  const text = String.fromCodePoint(code)[turn]();
  const turned = text.codePointAt(0) ?? code;
  return text.length === (turned > LAST_UNIT ? 2 : 1) ? turned : code;
}
