import type { Document } from '../rendered.ts';

/**
 * A stand-in for Splunk, which cannot be had here: it extracts the fields of an event, computes those of props.conf, and says whether the
 * event meets the terms of a search before its first pipe. Of both languages it knows what the app uses, and throws on all else.
 */
export type Fields = ReadonlyMap<string, readonly string[]>;

/** Every field of an event as Splunk extracts it: texts, of a list each member. JSON's null is the text `null` there. */
export function extracted(document: Document, computed: ReadonlyMap<string, string>): Fields {
  const fields = new Map<string, readonly string[]>([['sourcetype', ['cloudquery:platform:audit']]]);
  for (const [name, value] of splunkFields(document)) fields.set(name, [...(fields.get(name) ?? []), value]);
  // All are computed from what was sent: none sees another.
  const made = [...computed].map(([name, text]) => [name, new Expression(text, fields).value()] as const);
  for (const [name, value] of made) if (value !== null) fields.set(name, [String(value)]);
  return fields;
}

/** The leaves of a document by Splunk's names: `a.b`, and `a{}` for the members of a list, `a{}.b` for theirs. */
export function* splunkFields(value: unknown, name = ''): Iterable<readonly [name: string, value: string]> {
  if (Array.isArray(value)) for (const member of value as unknown[]) yield* splunkFields(member, `${name}{}`);
  else if (typeof value === 'object' && value !== null)
    for (const [key, member] of Object.entries(value))
      yield* splunkFields(member, name === '' ? key : `${name}.${key}`);
  else yield [name, String(value)];
}

type Value = string | boolean | null;

/** Reads the tokens of a text from left to right. */
class Reader {
  readonly #tokens: readonly string[];
  #place = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  peek(ahead = 0): string | undefined {
    return this.#tokens[this.#place + ahead];
  }

  take(): string {
    const token = this.#tokens[this.#place];
    if (token === undefined) throw new Error('the text ends too early');
    this.#place += 1;
    return token;
  }

  takes(token: string): boolean {
    if (this.peek() !== token) return false;
    this.#place += 1;
    return true;
  }

  expect(token: string): void {
    if (!this.takes(token)) throw new Error(`${token} is missing before ${String(this.peek())}`);
  }
}

const inner = (token: string): string => token.slice(1, -1).replace(/\\(.)/g, '$1');

class Expression {
  readonly #reader: Reader;
  readonly #fields: Fields;

  constructor(text: string, fields: Fields) {
    this.#reader = new Reader(text.match(/"(?:[^"\\]|\\.)*"|'[^']*'|[\w.]+|==|[(),]|\S/g) ?? []);
    this.#fields = fields;
  }

  value(): Value {
    const value = this.#compared();
    if (this.#reader.peek() !== undefined) throw new Error(`what is ${this.#reader.take()}?`);
    return value;
  }

  #compared(): Value {
    const left = this.#operand();
    if (!this.#reader.takes('==')) return left;
    const right = this.#operand();
    return left === null || right === null ? null : left === right;
  }

  #operand(): Value {
    const token = this.#reader.take();
    if (token.startsWith('"')) return inner(token);
    if (token.startsWith("'")) return this.#field(inner(token));
    return this.#reader.takes('(') ? this.#call(token) : this.#field(token);
  }

  #field(name: string): Value {
    return this.#fields.get(name)?.[0] ?? null;
  }

  #call(name: string): Value {
    const values: Value[] = [];
    while (!this.#reader.takes(')')) {
      values.push(this.#compared());
      this.#reader.takes(',');
    }
    const [first = null, second = null, third = null] = values;
    switch (name) {
      case 'null':
        return null;
      case 'coalesce':
        return values.find((value) => value !== null) ?? null;
      case 'if':
        return first === true ? second : third;
      case 'case':
        for (let place = 0; place < values.length; place += 2)
          if (values[place] === true) return values[place + 1] ?? null;
        return null;
      case 'lower':
        return first === null ? null : String(first).toLowerCase();
      default:
        throw new Error(`the function ${name} is not known to this test`);
    }
  }
}

type Test = (fields: Fields) => boolean;

/** Whether events meet these terms: OR binds tighter than standing side by side, as Splunk has it. */
export function meets(terms: string): Test {
  const reader = new Reader(terms.match(/"(?:[^"\\]|\\.)*"|[\w.*:]+|[=(),]|\S/g) ?? []);
  const test = all(reader);
  if (reader.peek() !== undefined) throw new Error(`what is ${reader.take()}?`);
  return test;
}

function all(reader: Reader): Test {
  const tests: Test[] = [];
  while (reader.peek() !== undefined && reader.peek() !== ')') tests.push(any(reader));
  return (fields) => tests.every((test) => test(fields));
}

function any(reader: Reader): Test {
  const tests = [term(reader)];
  while (reader.takes('OR')) tests.push(term(reader));
  return (fields) => tests.some((test) => test(fields));
}

function term(reader: Reader): Test {
  if (reader.takes('NOT')) {
    const test = term(reader);
    return (fields) => !test(fields);
  }
  if (reader.takes('(')) {
    const test = all(reader);
    reader.expect(')');
    return test;
  }
  const field = reader.take();
  const wanted: RegExp[] = [];
  if (reader.takes('IN')) {
    reader.expect('(');
    while (!reader.takes(')')) {
      wanted.push(pattern(reader.take()));
      reader.takes(',');
    }
  } else {
    reader.expect('=');
    wanted.push(pattern(reader.take()));
  }
  // The index is the operator's and stands in no event.
  if (field === 'index') return () => true;
  return (fields) => (fields.get(field) ?? []).some((value) => wanted.some((one) => one.test(value)));
}

function pattern(token: string): RegExp {
  const text = token.startsWith('"') ? inner(token) : token;
  const escaped = text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`, 'is');
}
