import type { CanonicalEvent, Outcome, Severity } from './format.ts';

/** One severity, in the numbers and words of each receiver. */
export interface SeverityNumbers {
  /** OCSF `severity_id`; 0 (unknown), 6 (fatal) and 99 are not used. */
  readonly ocsf: 1 | 2 | 3 | 4 | 5;
  readonly ocsfName: string;
  /** CEF header, 0 to 10: 0-3 low, 4-6 medium, 7-8 high, 9-10 very high. */
  readonly cef: number;
  /** LEEF `sev`, 1 to 10. */
  readonly leef: number;
  /** Severity of a syslog priority, RFC 5424 §6.2.1: 6 informational to 2 critical. */
  readonly syslog: number;
  readonly otlp: OtlpSeverity;
}

export interface OtlpSeverity {
  readonly number: number;
  readonly text: string;
}

/** From least to most severe, for `where: { severity: low }`. */
export const SEVERITIES: readonly Severity[] = ['informational', 'low', 'medium', 'high', 'critical'];

export const SEVERITY_NUMBERS: Readonly<Record<Severity, SeverityNumbers>> = {
  informational: row(1, 'Informational', 1, 1, 6, { number: 9, text: 'INFO' }),
  low: row(2, 'Low', 3, 3, 5, { number: 10, text: 'INFO2' }),
  medium: row(3, 'Medium', 6, 6, 4, { number: 13, text: 'WARN' }),
  high: row(4, 'High', 8, 8, 3, { number: 17, text: 'ERROR' }),
  critical: row(5, 'Critical', 10, 10, 2, { number: 18, text: 'ERROR2' }),
};

/**
 * Severity of an OpenTelemetry log. A failed action of low severity is a warning: 17 and above would mean that the
 * Platform itself is in error.
 */
export function otlpSeverity(event: Pick<CanonicalEvent, 'severity' | 'outcome'>): OtlpSeverity {
  const lowFailure = event.severity === 'low' && event.outcome === 'failure';
  return SEVERITY_NUMBERS[lowFailure ? 'medium' : event.severity].otlp;
}

/** A failure is never merely informational: somebody was refused something. */
export function raisedByFailure(severity: Severity, outcome: Outcome): Severity {
  return outcome === 'failure' && severity === 'informational' ? 'low' : severity;
}

function row(
  ocsf: SeverityNumbers['ocsf'],
  ocsfName: string,
  cef: number,
  leef: number,
  syslog: number,
  otlp: OtlpSeverity,
): SeverityNumbers {
  return { ocsf, ocsfName, cef, leef, syslog, otlp };
}
