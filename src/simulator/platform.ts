import { ForwardError, oneLine } from '../model/errors.ts';
import { parseTime } from '../model/time.ts';
import { html } from './answers.ts';
import type { PlatformRequest, PlatformResponse } from './answers.ts';
import { createdAtOf, idOf, isPoison, jsonOf, shownMs } from './body.ts';
import { answerApi } from './endpoints.ts';
import { Gate } from './gate.ts';
import { amend, completeOptions } from './options.ts';
import type { SimulatorOptions, SimulatorPatch } from './options.ts';
import { randomFrom, words } from './random.ts';
import { Rows } from './rows.ts';
import { MALFORMED, rowsOfInstant, singleRow } from './stream.ts';
import type { GivenRow, Row } from './stream.ts';

/** Drifting rows are created in this much of the recent past. */
const DRIFT_SPAN_MS = 60_000;
const REQUEST_SALT = 0x4e57;

/** A listed item as a test compares it with what arrived. */
export interface SimulatedEvent {
  /** Null for an event without an id, and for what is no event. */
  readonly id: string | null;
  readonly createdAt: string;
  readonly createdNs: bigint;
  /** The time that the filter goes by. */
  readonly listedNs: bigint;
  /** True for what cannot be read as an event. */
  readonly malformed: boolean;
  /** True where no window that holds it is answered. */
  readonly poison: boolean;
  /** `pending`: created, but not listed yet. `gone`: purged or deleted. */
  readonly state: 'visible' | 'pending' | 'gone';
  /** The item's text; written when it is asked for. */
  readonly json: string;
}

/** An event to put in. Without `json` its body comes from the seed; without `visibleMs` it is listed at once. */
export interface InsertedEvent extends GivenRow {
  /** RFC 3339. */
  readonly createdAt: string;
  readonly visibleMs?: number;
}

export interface Platform {
  /** Answers one request. No socket and no timer: what only a socket can show is in `fault`. */
  handle(request: PlatformRequest): PlatformResponse;
  /** What the API lists now, oldest first. */
  visibleEvents(): SimulatedEvent[];
  /** All that was created up to now: visible, pending and gone. */
  allEvents(): SimulatedEvent[];
  options(): SimulatorOptions;
  /** Milliseconds since 1970, by the Platform's own clock. */
  now(): number;
  /** Changes switches while it runs. Those that shape events count from the next minute on. May be untrusted. */
  set(patch: unknown): void;
  /** Puts events in; returns their ids, null for those without one. */
  insert(events: readonly InsertedEvent[]): (string | null)[];
  /** Deletes events by id; returns how many. */
  remove(ids: Iterable<string>): number;
}

/** `now` gives milliseconds since 1970; the Platform's own clock is that plus `clock_skew`. */
export function createPlatform(patch: SimulatorPatch, now: () => number): Platform {
  return new SimulatedPlatform(completeOptions(patch), now);
}

class SimulatedPlatform implements Platform {
  readonly #now: () => number;
  readonly #rows: Rows;
  readonly #gate = new Gate();
  #options: SimulatorOptions;
  #requests = 0;
  #singles = 0;

  constructor(options: SimulatorOptions, now: () => number) {
    this.#now = now;
    this.#options = options;
    this.#rows = new Rows(options, this.now());
  }

  handle(request: PlatformRequest): PlatformResponse {
    const nowMs = this.now();
    const answer = this.#answer(request, nowMs);
    return { ...answer, headers: { date: new Date(nowMs).toUTCString(), ...answer.headers } };
  }

  #answer(request: PlatformRequest, nowMs: number): PlatformResponse {
    if (request.path !== '/api' && !request.path.startsWith('/api/')) return html(200, 'Simulated Platform');
    const verdict = this.#gate.admit(this.#options, this.#now());
    if (verdict.answer !== undefined) return verdict.answer;
    this.#requests += 1;
    this.#rows.advance(this.#options, nowMs);
    const path = request.path.slice('/api'.length);
    const random = randomFrom(this.#options.seed ^ REQUEST_SALT, this.#requests);
    const answer = answerApi(path, request, { options: this.#options, rows: this.#rows, nowMs, random });
    if (path === '/audit-logs' && answer.status === 200) this.#drift(nowMs);
    return verdict.fault === undefined ? answer : { ...answer, fault: verdict.fault };
  }

  /** New rows between what was just read and the next page: they push the rest of an offset along. */
  #drift(nowMs: number): void {
    const rows: Row[] = [];
    for (let count = 0; count < this.#options.drift; count += 1) {
      this.#singles += 1;
      const random = randomFrom(this.#options.seed, this.#singles, words(nowMs)[0]);
      const ms = Math.floor(nowMs - random.unit() * DRIFT_SPAN_MS);
      rows.push(singleRow(this.#options, { ms, sub: 0, visibleMs: nowMs }, this.#singles, null));
    }
    if (rows.length > 0) this.#rows.insert(rows, nowMs);
  }

  visibleEvents(): SimulatedEvent[] {
    this.#rows.advance(this.#options, this.now());
    return this.#rows.visible().map((row) => this.#event(row, 'visible'));
  }

  allEvents(): SimulatedEvent[] {
    const nowMs = this.now();
    this.#rows.advance(this.#options, nowMs);
    const pending = this.#rows.pending().filter((row) => row.ms <= nowMs);
    return [
      ...this.#rows.gone().map((row) => this.#event(row, 'gone')),
      ...this.#rows.visible().map((row) => this.#event(row, 'visible')),
      ...pending.map((row) => this.#event(row, 'pending')),
    ];
  }

  #event(row: Row, state: SimulatedEvent['state']): SimulatedEvent {
    const write = () => jsonOf(row, this.#options, this.now());
    return {
      id: idOf(row),
      createdAt: createdAtOf(row, this.#options),
      createdNs: BigInt(shownMs(row, this.#options)) * 1_000_000n + BigInt(row.sub),
      listedNs: BigInt(row.ms) * 1_000_000n + BigInt(row.sub),
      malformed: (row.flags & MALFORMED) !== 0,
      poison: isPoison(row, this.#options),
      state,
      get json() {
        return write();
      },
    };
  }

  options(): SimulatorOptions {
    return this.#options;
  }

  now(): number {
    return Math.floor(this.#now() + this.#options.clock_skew);
  }

  set(patch: unknown): void {
    const before = this.#options;
    this.#rows.advance(before, this.now());
    this.#options = amend(before, patch);
    const { rows, ago, at } = this.#options.instant;
    if (rows === before.instant.rows && ago === before.instant.ago && at === before.instant.at) return;
    this.#rows.insert(rowsOfInstant(this.#options, this.now()), this.now());
  }

  insert(events: readonly InsertedEvent[]): (string | null)[] {
    const nowMs = this.now();
    const rows = events.map((event) => {
      const ns = parseTime(event.createdAt);
      if (ns === null) {
        throw new ForwardError(
          'config',
          `an event to insert has no readable time: ${oneLine(event.createdAt, 60)}`,
        );
      }
      this.#singles += 1;
      const at = {
        ms: Number(ns / 1_000_000n),
        sub: Number(ns % 1_000_000n),
        visibleMs: event.visibleMs ?? nowMs,
      };
      return singleRow(this.#options, at, this.#singles, event);
    });
    this.#rows.insert(rows, nowMs);
    return rows.map(idOf);
  }

  remove(ids: Iterable<string>): number {
    const unwanted = new Set(ids);
    return this.#rows.remove((row) => unwanted.has(idOf(row) ?? ''));
  }
}
