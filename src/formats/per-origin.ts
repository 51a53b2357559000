import type { Origin } from './format.ts';

/**
 * What a format says of an event's origin, made once for each origin instead of for each event. `make` must be pure: an origin is one
 * unchanging object for as long as nothing new is known of the installation.
 */
export function perOrigin<T>(make: (origin: Origin) => T): (origin: Origin) => T {
  const made = new WeakMap<Origin, T>();
  return (origin) => {
    const known = made.get(origin);
    if (known !== undefined) return known;
    const fresh = make(origin);
    made.set(origin, fresh);
    return fresh;
  };
}
