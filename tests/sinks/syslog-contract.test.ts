import { expect } from 'vitest';

import { syslogSink } from '../../src/sinks/syslog.ts';
import { sinkContract } from '../contract/sink.ts';
import { briskClock } from '../fakes/brisk-clock.ts';
import { openFakeSyslog, parse5424 } from '../fakes/syslog.ts';

function idOf(message: Buffer): string {
  const body = parse5424(message).body ?? '{}';
  return (JSON.parse(body) as { event_id: string }).event_id;
}

const NO_STATUS = 'syslog has no status answers';

for (const framing of ['octet_counting', 'lf'] as const) {
  sinkContract({
    name: framing === 'lf' ? 'syslog tcp, lines' : 'syslog tcp',
    open: async (context) => {
      const fake = await openFakeSyslog({ framing });
      const options = { address: `tcp://127.0.0.1:${fake.port}`, framing };
      const sink = syslogSink.create(options, { ...context, clock: briskClock });
      return {
        sink,
        delivered: () => fake.messages.map(idOf),
        arm: (fault) => {
          if (fault === 'accept_and_close') fake.behave('leave', 1);
          if (fault === 'reset_before_body') fake.behave('reset', 1);
          if (fault === 'reset_after_body') fake.behave('reset_late', 1);
          if (fault === 'html_answer') fake.behave('answer', 1);
          if (fault === 'hang') fake.behave('hang');
        },
        heal: () => fake.behave('good'),
        hits: () => fake.hits(),
        secretTexts: [],
        close: async () => {
          expect(fake.problems.filter((problem) => !problem.includes('unfinished'))).toEqual([]);
          await sink.close();
          await fake.close();
        },
      };
    },
    unsupported: {
      partial: 'a connection is read to its end or not at all',
      poison: 'a refusal has no words, and the messages before it were taken; see the isolation tests',
      truncated_answer: 'a receiver gives no answer that could be cut',
      unauthorized: 'TCP knows no credentials; see the TLS tests',
      too_large: NO_STATUS,
      throttled_seconds: NO_STATUS,
      throttled_date: NO_STATUS,
      server_error: NO_STATUS,
    },
  });
}
