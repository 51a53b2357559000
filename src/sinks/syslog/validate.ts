import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import { tlsProblems } from '../../net/tls-files.ts';
import { parseAddress } from './address.ts';
import type { GivenSyslogOptions } from './schema.ts';

/** What the schema cannot say: an invalid address, keys that contradict it or one another, files that cannot be read. */
export function validateSyslog(options: GivenSyslogOptions): readonly OptionProblem[] {
  const address = problemsOf([['address', () => parseAddress(options.address)]]);
  return [
    ...address,
    ...(address.length === 0 ? contradictions(options) : []),
    ...tlsProblems(options.tls, 'tls'),
  ];
}

function contradictions(options: GivenSyslogOptions): readonly OptionProblem[] {
  const { protocol } = parseAddress(options.address);
  const encrypted = protocol === 'tls' || protocol === 'relp+tls';
  const rfc5424 = ' belongs to RFC 5424; expected rfc: 5424, or the key left out';
  const faults: readonly (readonly [wrong: boolean, path: string, problem: string])[] = [
    [
      protocol === 'udp' && options.allow_lossy !== true,
      'address',
      'udp:// would lose events unseen; expected tls:// or relp://, or allow_lossy: true',
    ],
    [
      options.framing === 'lf' && protocol !== 'tcp',
      'framing',
      `lf does not exist for ${protocol}; expected the key left out`,
    ],
    [
      options.tls !== undefined && !encrypted,
      'tls',
      `${protocol}:// knows no TLS; expected tls:// or relp+tls:// in the address, or the block left out`,
    ],
    [
      options.rfc === 3164 && options.structured_data !== undefined,
      'structured_data',
      `structured_data${rfc5424}`,
    ],
    [options.rfc === 3164 && options.bom === true, 'bom', `bom${rfc5424}`],
  ];
  return faults.filter(([wrong]) => wrong).map(([, path, problem]) => ({ path, problem }));
}
