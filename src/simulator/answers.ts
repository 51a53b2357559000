/** What the Platform is asked. Header names in lower case; the path without its query. */
export interface PlatformRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Failures of the connection; the server that sends the answer carries them out. */
export type SocketFault = 'reset' | 'truncate' | 'hang' | 'slow';

export interface PlatformResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly fault?: SocketFault;
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): PlatformResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** BasicError of the vendor's OpenAPI: 401, 404, 405, 429, 500, 503. */
export function basicError(
  status: number,
  message: string,
  headers: Record<string, string> = {},
): PlatformResponse {
  return json(status, { message, status }, headers);
}

/** FieldError of the vendor's OpenAPI: 400 and 403. */
export function fieldError(
  status: number,
  message: string,
  fields: Record<string, string> = {},
): PlatformResponse {
  const named = Object.keys(fields).length > 0;
  return json(status, { message, status, ...(named ? { field_errors: fields } : {}) });
}

/** What a web page in front of the API answers: a login page, or a proxy's own error. */
export function html(status: number, title: string): PlatformResponse {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: `<!doctype html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`,
  };
}
