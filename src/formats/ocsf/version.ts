/**
 * Versions of OCSF that can be asked for. Before 1.4.0 the identity classes had no actor outside the host profile: for those, everything but
 * signing in and out is API Activity.
 */
export const OCSF_VERSIONS = ['1.1.0', '1.3.0', '1.5.0', '1.8.0'] as const;
export type OcsfVersion = (typeof OCSF_VERSIONS)[number];

/** What a version of the schema has. */
export interface Abilities {
  /** Actor and source in the identity classes, and `user.has_mfa`: 1.4.0. */
  readonly identityClasses: boolean;
  /** `raw_data_size`, `metadata.loggers` and `metadata.tags`: used from 1.5.0. */
  readonly sizes: boolean;
  /** `raw_data_hash` and the user type Service: 1.6.0. */
  readonly hashes: boolean;
}

export function abilitiesOf(version: OcsfVersion): Abilities {
  const minor = Number(version.split('.')[1]);
  return { identityClasses: minor >= 4, sizes: minor >= 5, hashes: minor >= 6 };
}
