/** Places in a configuration are dotted keys, `sinks.splunk.tls.verify`, with indexes in brackets: `where.status[0]`. */

/** The path of a key (or, with a number, of a list's item) under `parent`. */
export function child(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** Whether `path` is `ancestor` or lies below it. */
export function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(`${ancestor}.`) || path.startsWith(`${ancestor}[`);
}
