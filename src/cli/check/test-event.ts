import { randomUUID } from 'node:crypto';

import type { CanonicalEvent } from '../../formats/format.ts';
import type { CheckItem } from '../../model/check.ts';
import type { Clock } from '../../model/clock.ts';
import { oneLine } from '../../model/errors.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { SinkPart } from '../../pipeline/daemon.ts';
import { createPrepare } from '../../pipeline/prepare.ts';
import type { Fate, Sink } from '../../sinks/sink.ts';
import type { BuiltParts } from '../build-parts.ts';
import { version } from '../version.ts';

const TEST_EVENT_TYPE = 'auditferry.test';

/** How long the receiver may take to show what it has accepted, and how often it is asked. Milliseconds. */
const READ_BACK_MS = 30_000;
const READ_BACK_EVERY_MS = 1_000;

const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** An event that looks like the Platform's own, and says in every field that it is none. */
function testEvent(source: string, sink: string, nowMs: number): AuditEvent {
  const id = randomUUID();
  const createdAt = new Date(nowMs).toISOString();
  const original = JSON.stringify({
    id,
    user: {
      id: NIL_UUID,
      email: 'system@auditferry.invalid',
      name: 'system',
      enabled: true,
      provider: 'local',
      mfa_configured: false,
      roles: [],
    },
    user_ip_address: '',
    event_type: TEST_EVENT_TYPE,
    created_at: createdAt,
    entity_display_name: 'auditferry check --send',
    event_details: { test: true, sink, forwarder_version: version },
    is_success: true,
  });
  return { seq: 0n, source, id, createdAt, original, receivedAt: createdAt };
}

/** Sends one test event through a sink as the daemon would, and asks the receiver for it where it can be asked. */
export async function sendTestEvent(
  parts: BuiltParts,
  name: string,
  part: SinkPart,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly CheckItem[]> {
  const [source = 'auditferry'] = parts.sources.keys();
  const event = testEvent(source, name, clock.now());
  const prepare = createPrepare(parts.canonicalize, part.format, part.where, parts.originOf, {
    limits: part.limits,
    clock,
  });
  const prepared = prepare(event, { evenFiltered: true });
  if (prepared.kind !== 'item') {
    const finding = prepared.kind === 'unrendered' ? prepared.reason : 'it was filtered';
    return [{ name: 'test event', outcome: 'fail', finding }];
  }
  const receipt = await part.sink.send({ items: [prepared.item], attempt: 1 }, signal);
  const sent = sentItem(receipt.fates[0], event.id, part);
  if (sent.outcome === 'fail' || part.sink.holds === undefined) return [sent];
  return [sent, await readBack(part.sink, prepared.item.canonical, clock, signal)];
}

function sentItem(fate: Fate | undefined, id: string, part: SinkPart): CheckItem {
  const name = 'test event';
  if (fate === undefined || fate.outcome === 'retry' || fate.outcome === 'rejected') {
    const reason = fate === undefined ? 'the sink gave no fate' : oneLine(fate.reason);
    const why =
      fate?.outcome === 'rejected' ? 'the receiver refuses it for good' : 'the receiver does not take it now';
    return {
      name,
      outcome: 'fail',
      finding: `${why}: ${reason}`,
      hint: 'see the page of this sink under docs/sinks',
    };
  }
  const how =
    part.sink.delivery === 'confirmed'
      ? 'sent, and the receiver confirmed it'
      : 'sent; this protocol knows no receipt';
  const look = part.sink.holds === undefined ? '; it cannot be asked for it, so look there yourself' : '';
  return { name, outcome: 'ok', finding: `${how}${look} (event id ${id})` };
}

async function readBack(
  sink: Sink,
  { id, createdNs }: Pick<CanonicalEvent, 'id' | 'createdNs'>,
  clock: Clock,
  signal: AbortSignal,
): Promise<CheckItem> {
  const name = 'read back';
  const startMs = clock.monotonic();
  for (;;) {
    const held = await sink.holds?.([id], signal, { startNs: createdNs, endNs: createdNs });
    const copies = held?.get(id) ?? 0;
    const tookMs = clock.monotonic() - startMs;
    if (copies > 0) {
      const finding = `the receiver shows it, ${Math.max(Math.ceil(tookMs / 1000), 1)} s after it was sent`;
      return { name, outcome: 'ok', finding };
    }
    if (tookMs >= READ_BACK_MS) {
      return {
        name,
        outcome: 'fail',
        finding: `the receiver took it, but does not show it within ${READ_BACK_MS / 1000} s (event id ${id})`,
        hint: 'look whether it goes to another index, or whether the one who asks may not read it',
      };
    }
    await clock.sleep(READ_BACK_EVERY_MS, signal);
  }
}
