/**
 * JSON Schema of the keys that one part (a source, a sink, a format) takes, kept beside the part and validated by config/.
 * Beside JSON Schema's own keywords: `duration: true` (text such as 15s becomes milliseconds), `size: true` (1MiB becomes
 * bytes), `secret: true` (becomes a Secret, with `lines: true` of several lines), `header: true` (becomes a Secret unless name and value are harmless), `path: true` (made absolute from the configuration's folder). `form` says what fits a `pattern` where the description does not.
 */
export interface PartSchema {
  /** One sentence for the editor's hover text. */
  readonly description: string;
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, object>>;
  /** Further keywords over the whole part: allOf, dependentRequired, oneOf. */
  readonly rules?: Readonly<Record<string, unknown>>;
}
