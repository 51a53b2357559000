import { createHash } from 'node:crypto';

import type { Item } from '../sink.ts';
import { joinObject, splitObject } from './json-members.ts';
import type { Member } from './json-members.ts';

/** How many dropped fields the mark names, and how much of each name. */
const DROPPED_NAMES_LIMIT = 8;
const DROPPED_NAME_CHARS = 64;
/** An object whose largest member holds this share of it loses that member rather than everything. */
const DESCEND_SHARE = 0.5;
/** Fields of at least this share of the largest one's size go in the same round. */
const ALIKE_SHARE = 0.5;
/** Each round drops at least one field; a document that needs more is refused. */
const ROUNDS_LIMIT = 64;

/**
 * A shorter body that says that it was shortened: JSON loses its largest fields, text loses its last ones, and a mark
 * carries the event's id and the SHA-256 of the whole original. `finish` makes a body ready to send; at most `room`
 * bytes come back. Null when even the smallest form is too large.
 */
export function trimBody(item: Item, room: number, finish: (body: string) => string): string | null {
  return item.kind === 'json' ? trimJson(item, room, finish) : trimText(item, room, finish);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

// --- JSON ---

interface Round {
  /** Names of what went, in order. */
  readonly dropped: string[];
  /** Bytes that are too many, at least 1. */
  readonly excess: number;
  readonly finish: (text: string) => string;
}

function trimJson(item: Item, room: number, finish: (body: string) => string): string | null {
  const dropped: string[] = [];
  const hash = sha256(item.canonical.originalText);
  let members = splitObject(item.body);
  for (let round = 0; members !== null && round < ROUNDS_LIMIT; round += 1) {
    const body = finish(joinObject([...members, jsonMark(item, hash, dropped)]));
    const excess = Buffer.byteLength(body) - room;
    if (dropped.length > 0 && excess <= 0) return body;
    if (members.length === 0) return null;
    members = dropLargest(members, '', { dropped, excess: Math.max(excess, 1), finish });
  }
  return null;
}

function jsonMark(item: Item, hash: string, dropped: readonly string[]): Member {
  const mark = {
    truncated: true,
    event_id: item.canonical.id,
    original_sha256: hash,
    dropped: dropped.slice(0, DROPPED_NAMES_LIMIT).map((name) => name.slice(0, DROPPED_NAME_CHARS)),
    dropped_count: dropped.length,
  };
  return { key: '"auditferry"', value: JSON.stringify(mark) };
}

/** The members without their largest field, and without others about as large while that is not enough. */
function dropLargest(members: readonly Member[], path: string, round: Round): readonly Member[] {
  const bySize = members
    .map((member) => ({ member, bytes: sizeOf(member, round) }))
    .sort((a, b) => b.bytes - a.bytes);
  const largest = bySize[0];
  if (largest === undefined) return members;
  const inner = splitObject(largest.member.value);
  if (inner !== null && worthDescending(inner, largest.bytes, round)) {
    const { key } = largest.member;
    const value = joinObject(dropLargest(inner, `${path}${nameOf(largest.member)}.`, round));
    return members.map((member) => (member === largest.member ? { key, value } : member));
  }
  const gone = new Set<Member>();
  let freed = 0;
  for (const { member, bytes } of bySize) {
    if (freed >= round.excess || bytes < largest.bytes * ALIKE_SHARE) break;
    gone.add(member);
    round.dropped.push(path + nameOf(member));
    freed += bytes;
  }
  return members.filter((member) => !gone.has(member));
}

function worthDescending(inner: readonly Member[], bytes: number, round: Round): boolean {
  const largest = inner.reduce((most, member) => Math.max(most, sizeOf(member, round)), 0);
  return inner.length > 1 && largest >= bytes * DESCEND_SHARE;
}

/** Bytes on the wire, with the colon and the comma. */
function sizeOf(member: Member, round: Round): number {
  return Buffer.byteLength(round.finish(member.key)) + Buffer.byteLength(round.finish(member.value)) + 2;
}

function nameOf(member: Member): string {
  return member.key.slice(1, -1);
}

// --- text ---

/**
 * CEF and LEEF lines end in `key=value` pairs, divided by a space or a tab: whole pairs are cut from the end. A line
 * without such a border inside the room cannot be shortened without breaking its header.
 */
function trimText(item: Item, room: number, finish: (body: string) => string): string | null {
  const divider = item.body.startsWith('LEEF:') ? '\t' : ' ';
  const id = item.canonical.id.replace(/[^A-Za-z0-9:._-]/g, '_');
  const mark =
    `${divider}truncated=true${divider}originalId=${id}` +
    `${divider}originalSha256=${sha256(item.canonical.originalText)}`;
  const whole = finish(item.body);
  const kept = lastPairBorder(cutToBytes(whole, room - Buffer.byteLength(mark)), divider);
  return kept === null ? null : kept + mark;
}

/** As many whole characters as fit into `bytes`. */
function cutToBytes(text: string, bytes: number): string {
  if (bytes <= 0) return '';
  const raw = Buffer.from(text);
  let end = Math.min(bytes, raw.length);
  while (end > 0 && ((raw[end] ?? 0) & 0xc0) === 0x80) end -= 1; // not inside a UTF-8 sequence
  return raw.toString('utf8', 0, end);
}

function lastPairBorder(text: string, divider: string): string | null {
  const pair = new RegExp(`${divider}(?=[A-Za-z0-9_]{1,64}=)`, 'g');
  let border: number | null = null;
  for (const match of text.matchAll(pair)) border = match.index;
  return border === null || !/^(CEF|LEEF):/.test(text) ? null : text.slice(0, border);
}
