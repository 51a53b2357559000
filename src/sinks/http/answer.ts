import { parseObject } from '../../model/json.ts';
import type { HttpResponse } from '../../net/http.ts';

/** What an answer must say for its batch to count as taken: top-level keys of its JSON and their values. */
export type Expected = Readonly<Record<string, string | number | boolean>>;

/** The first thing that is otherwise, in words; null for an answer as expected, undefined for one that is no JSON object. */
export function contradiction({ body }: HttpResponse, expected: Expected): string | null | undefined {
  const answer = parseObject(body);
  if (answer === null) return undefined;
  const wrong = Object.entries(expected).find(([key, value]) => answer[key] !== value);
  return wrong === undefined ? null : `${wrong[0]} is not ${String(wrong[1])}`;
}
