import type { Severity } from '../../formats/format.ts';

/** Facility names by number, as RFC 5424 table 1 lists them, in the short forms that syslog daemons use. */
export const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'audit',
  'alert',
  'clock',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

/** Number of a facility given by name or number; the schema admits nothing else. */
export function facilityNumber(facility: string | number): number {
  if (typeof facility === 'number') return facility;
  return Math.max(
    FACILITIES.findIndex((name) => name === facility),
    0,
  );
}

/** Informational events are 6 (informational) and only a critical one reaches 2: nothing here is an emergency. */
const SEVERITIES: Readonly<Record<Severity, number>> = {
  informational: 6,
  low: 5,
  medium: 4,
  high: 3,
  critical: 2,
};

/** PRIVAL, 0 to 191. */
export function priority(facility: number, severity: Severity): number {
  return facility * 8 + SEVERITIES[severity];
}
