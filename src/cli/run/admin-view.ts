import type { AdminView, SinkView, SourceView } from '../../admin/options.ts';
import type { Config } from '../../config/config.ts';
import { formats, plainFormat } from '../../formats/registry.ts';
import { summaryOf } from '../../formats/title.ts';
import { wallClock } from '../../model/clock.ts';
import type { AuditEvent } from '../../model/event.ts';
import { untilNextPollMs } from '../../pipeline/schedule.ts';
import type { PollSchedule } from '../../pipeline/schedule.ts';
import type { Status } from '../../pipeline/status.ts';
import type { SourceState } from '../../sources/source.ts';
import type { BuiltParts } from '../build-parts.ts';
import { renderFor } from '../rendering.ts';
import { effectiveConfig } from '../verify/fingerprint.ts';

/** What the admin listener shows of a running configuration. `requestsBefore`: of each source before the last reload. */
export function viewOf(
  config: Config,
  parts: BuiltParts,
  status: Status,
  requestsBefore: ReadonlyMap<string, number> = new Map(),
): AdminView {
  const sources = new Map<string, SourceView>();
  for (const [name, { source, schedule }] of parts.sources) {
    const before = requestsBefore.get(name) ?? 0;
    const state = (): SourceState => {
      const now = source.state();
      return { ...now, requests: now.requests + before };
    };
    sources.set(name, {
      source: { origin: () => source.origin(), state },
      nextPollMs: (fromMs) => nextPollMs(schedule, fromMs),
    });
  }
  const sinks = new Map<string, SinkView>();
  for (const { name, type, format, batch, concurrent, rateLimit } of config.sinks.values()) {
    const delivery = parts.sinks.get(name)?.sink.delivery ?? 'sent';
    sinks.set(name, { type, delivery, format, batch, concurrent, rateLimit });
  }
  return {
    status,
    sources,
    sinks,
    effectiveConfig: effectiveConfig(config),
    formats: formats.map((format) => format.name),
    preview: (event, format) => preview(parts, event, format),
    understand: (event) => {
      const canonical = parts.canonicalize(event);
      return { summary: summaryOf(canonical), text: canonical.originalText };
    },
    renderFor: (sink, event) => renderFor(parts, sink, event),
    heartbeatMs: config.heartbeat?.everyMs ?? null,
  };
}

/** When the poll after a moment is due; both in milliseconds since 1970. */
export function nextPollMs(schedule: PollSchedule, fromMs: number): number {
  if ('everyMs' in schedule) return fromMs + schedule.everyMs;
  return fromMs + untilNextPollMs(schedule, { ...wallClock, now: () => fromMs });
}

/** An event in any format, with that format's defaults. */
function preview(
  parts: BuiltParts,
  event: AuditEvent,
  name: string,
): { text: string; kind: 'json' | 'text' } {
  const format = plainFormat(name);
  return { text: format.render(parts.canonicalize(event), parts.originOf(event.source)), kind: format.kind };
}
