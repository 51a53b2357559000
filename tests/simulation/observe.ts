import type { Secret } from '../../src/model/secret.ts';
import type { Status } from '../../src/pipeline/status.ts';
import type { Item } from '../../src/sinks/sink.ts';
import type { Checker } from './checkers/checker.ts';
import { isLeftOut, noteSetAside } from './facts.ts';
import type { JournalWatch } from './journal-seam.ts';
import type { Watch } from './receiver.ts';
import { isAmong, ODD_ERROR } from './receiver.ts';
import { shortHash } from './trace.ts';
import type { World } from './world.ts';

/** A heartbeat's id names the installation, which is another one each time. */
function nameOf({ canonical, heartbeat }: Item): string {
  return heartbeat === undefined ? canonical.id : `heartbeat ${heartbeat.number}`;
}

/** Everything that the seams report: facts first, then the trace, the rare states and the checkers. */
export interface Observer extends Watch, JournalWatch {
  readonly asked: (path: string, status: number | string) => void;
  readonly logged: (line: string) => void;
  /** The same secret, which reports when a changed value was taken up. */
  noteSecret(name: string, secret: Secret): Secret;
}

export function observe(world: World, checkers: readonly Checker[], status: () => Status | null): Observer {
  const { facts, states, trace, disk } = world;
  let wholePolls = 0;
  let pollLife = 0;
  const unheard = new Set<string>();
  const started = new Map<string, object[]>();

  disk.refused = (method) => {
    trace.add(`disk full: ${method}`);
    if (method === 'append') states.seen('disk full at append');
    if (method === 'moveCursor') states.seen('disk full at the cursor');
  };

  return {
    asked(path, answer) {
      world.requests += 1;
      if (world.requests === world.scenario.driftingRequests) facts.platform.set({ drift: 0 });
      trace.add(`ask ${path} ${answer}`);
      if (/[?&]page=(?!1(?:&|$))/.test(path)) states.seen('instant paged through');
    },
    logged(line) {
      trace.add(`log ${line}`);
      noteLine(line);
      for (const checker of checkers) checker.logged?.(line);
    },
    noteSecret(name, secret) {
      const replaced = secret.replaced.bind(secret);
      secret.replaced = () => {
        const changed = replaced();
        const isSource = name === 'platform';
        const loop = isSource ? status()?.sources.get(name) : status()?.sinks.get(name);
        if (changed && loop?.state === 'held') {
          states.seen(isSource ? 'source hold ended by a new secret' : 'sink hold ended by a new secret');
        }
        return changed;
      };
      return secret;
    },
    pollStarted() {
      const polls = status()?.sources.get('platform')?.polls ?? 0;
      const whole = pollLife === facts.lives && polls > wholePolls;
      pollLife = facts.lives;
      wholePolls = polls;
      for (const checker of checkers) checker.pollStarted?.(whole);
    },
    appending(usedBytes) {
      for (const checker of checkers) checker.appending?.(usedBytes);
    },
    appended(harvest, events) {
      const repeated: string[] = [];
      const { sourceOnly } = world.scenario;
      const isLate = (createdNs: bigint): boolean =>
        BigInt(facts.platform.now()) * 1_000_000n - createdNs >
        2n * BigInt(world.scenario.pollMs) * 1_000_000n;
      const fresh = new Set(events.map((event) => event.original));
      const types = new Map(harvest.events.map((event) => [event.original, event.eventType]));
      for (const event of events) {
        const isTwice = facts.kept.has(event.original) || facts.types.has(event.id);
        if (isTwice) repeated.push(event.id);
        facts.journaled.push(event.id);
        facts.types.set(event.id, types.get(event.original) ?? '');
        facts.kept.add(event.original);
        facts.known.add(event.original);
        if (event.id.includes('#')) states.seen('event with another event’s id');
        if (event.id.startsWith('sha256:')) states.seen('event that states no id');
      }
      for (const event of harvest.events) {
        if (!event.wanted) facts.known.add(event.original);
        if (fresh.has(event.original) && isLate(event.createdNs) && facts.journaled.length > fresh.size) {
          states.seen(harvest.purpose === 'reconcile' ? 'late row by reconcile' : 'late row by overlap');
        }
        if (sourceOnly !== '' && !event.wanted) states.seen('event left out by the source');
      }
      if (harvest.malformed.length > 0) states.seen('malformed item set aside');
      noteSetAside(facts, harvest.malformed);
      if (harvest.findings.some((finding) => finding.kind === 'stray_row')) states.seen('stray row kept');
      if (harvest.coverage.some((window) => window.status === 'suspect')) states.seen('suspect window');
      if (harvest.findings.some((finding) => finding.kind === 'fewer_on_server'))
        states.seen('fewer on the server: a finding');
      if (harvest.findings.some((finding) => finding.kind === 'counts_not_credible'))
        states.seen('counts not credible: a finding');
      if (harvest.progress !== null) facts.open = world.product.readProgress(harvest.progress).progress.open;
      const open = (harvest.progress as { open?: unknown[] } | null)?.open?.length ?? 0;
      if (harvest.purpose === 'live' && open > 1) states.seen('window split');
      trace.add(
        `append ${harvest.purpose} ${events.length}/${harvest.events.length} open ${open} ${shortHash(events.map((event) => event.id).join())}`,
      );
      for (const checker of checkers) checker.appended?.(harvest, repeated);
    },
    begun(sink, { seq, isNew }, findings) {
      const missed = facts.missed.get(sink) ?? new Set();
      const excuse = (from: number, to: number): void =>
        facts.journaled.slice(from - 1, to).forEach((id) => missed.add(id));
      if (isNew) excuse(1, Number(seq));
      for (const { kind, source, detail } of findings) {
        if (kind !== 'pruned_before_delivery' || source !== sink) continue;
        const gap = detail as { from_seq: number; to_seq: number };
        excuse(gap.from_seq, gap.to_seq);
      }
      for (const checker of checkers) checker.begun?.(sink, seq);
      if (!isNew && seq > (facts.cursors.get(sink) ?? 0n)) states.seen('gap passed with a finding');
      facts.cursors.set(sink, seq);
      trace.add(`begin ${sink} ${seq}`);
    },
    settling(sink, upTo, rejected) {
      for (const checker of checkers) checker.settling?.(sink, upTo, rejected);
    },
    settled(sink, upTo, rejected) {
      const from = facts.cursors.get(sink) ?? 0n;
      facts.cursors.set(sink, upTo);
      for (const id of facts.journaled.slice(Number(from), Number(upTo))) {
        if (isLeftOut(facts, sink, id)) states.seen('event left out by a sink');
      }
      for (const { event } of rejected) {
        facts.dead.get(sink)?.add(event.id);
        const unrenderable = isAmong(event.id, facts.receivers.get(sink)?.scenario.unrenderable ?? 0);
        states.seen(unrenderable ? 'unrenderable event became a dead letter' : 'poison became a dead letter');
      }
      trace.add(`cursor ${sink} ${upTo} ${rejected.map(({ event }) => event.id).join()}`);
    },
    retried(delivered, refused) {
      for (const letter of delivered) facts.dead.get(letter.owner)?.delete(letter.event?.id ?? '');
      if (delivered.length > 0) states.seen('dead letter retried and delivered');
      if (refused > 0) states.seen('dead letter retried and refused again');
      trace.add(`retried ${delivered.length} ${refused}`);
    },
    pruned(events) {
      if (events > 0) states.seen('events pruned from the journal');
      trace.add(`pruned ${events}`);
    },
    sendStarted(sink, batch) {
      started.set(sink, [...(started.get(sink) ?? []), batch]);
      trace.add(
        `send ${sink} ${batch.attempt} ${batch.items.length} ${shortHash(batch.items.map(nameOf).join())}`,
      );
      for (const checker of checkers) checker.sendStarted?.(sink, batch);
    },
    stored(sink, id, copies) {
      if (unheard.delete(`${sink} ${id}`) && copies > 1) states.seen('lost response, then sent again');
      for (const checker of checkers) checker.stored?.(sink, id, copies);
    },
    sendEnded(sink, batch, how, storedUnheard) {
      const lanes = started.get(sink) ?? [];
      if (lanes.length > 1 && lanes[0] !== batch) states.seen('second lane lands first');
      started.set(
        sink,
        lanes.filter((other) => other !== batch),
      );
      for (const id of storedUnheard) unheard.add(`${sink} ${id}`);
      if (how.includes('connection was refused')) states.seen('request lost');
      if (/^d+r+$/.test(how)) states.seen('partial answer');
      if (how.includes('429')) states.seen('receiver asks for a pause');
      trace.add(`sent ${sink} ${how}`);
      for (const checker of checkers) checker.sendEnded?.(sink, batch, how, storedUnheard);
    },
  };

  function noteLine(line: string): void {
    if (line.includes('unexpected error')) {
      if (line.includes(ODD_ERROR)) states.seen('unforeseen error held');
      else world.fail('daemon', `nobody foresaw this: ${line}`);
    }
    if (line.includes('"finding":"unreadable_')) {
      states.seen(
        line.includes('a finding is settled') ? 'what was unreadable is read' : 'window found unreadable',
      );
    }
    if (line.includes('"finding":"times_differ"')) states.seen('another time zone found');
    if (line.includes('nearly nothing can be read')) states.seen('source held by what it cannot read');
    if (line.includes('refuses nearly everything')) states.seen('mass guard tripped');
    if (line.includes('the journal is full')) states.seen('backpressure');
    if (!line.includes('"msg":"held"')) return;
    states.seen(line.includes('"source":') ? 'source held' : 'sink held');
  }
}
