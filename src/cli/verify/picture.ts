import { formatTime, floorTo, NS_PER_SECOND } from '../../model/time.ts';
import type { Window } from '../../model/event.ts';
import type { BucketProof, SourceProof } from '../../pipeline/verify/result.ts';
import { figureText, text } from './html.ts';

/** All lengths are of the drawing's own units; the page scales it to its width. */
const WIDTH = 960;
const LEFT = 56;
const PLOT = WIDTH - LEFT - 4;
const TOP = 18;
const BARS = 120;
const STRIP_TOP = TOP + BARS + 10;
const STRIP = 14;
const HEIGHT = STRIP_TOP + STRIP + 24;
/** A thinner bar could not be seen. */
const LEAST_BAR = 0.8;

const HOUR_NS = 3600n * NS_PER_SECOND;
const TICKS_NS = [
  60n * NS_PER_SECOND,
  300n * NS_PER_SECOND,
  900n * NS_PER_SECOND,
  HOUR_NS,
  3n * HOUR_NS,
  6n * HOUR_NS,
  12n * HOUR_NS,
  24n * HOUR_NS,
  48n * HOUR_NS,
  168n * HOUR_NS,
  720n * HOUR_NS,
  8760n * HOUR_NS,
];
const TICKS_LIMIT = 9n;

/** The counts of one source over the range as bars, and below them what the journal says was read: an SVG without any asset. */
export function picture(proof: SourceProof, range: Window): string {
  const place = placing(range);
  const most = proof.buckets.reduce((max, bucket) => Math.max(max, bucket.journal, bucket.platform ?? 0), 1);
  const label = `Events per interval of source ${proof.name} and what of the range was read`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${text(label)}">
${axis(range, place)}
<text x="${LEFT - 8}" y="${TOP + 4}" class="tick end">${figureText(most)}</text>
<text x="${LEFT - 8}" y="${TOP + BARS}" class="tick end">0</text>
<line x1="${LEFT}" y1="${TOP}" x2="${WIDTH - 4}" y2="${TOP}" class="grid"/>
${proof.buckets.map((bucket) => bar(bucket, most, place)).join('\n')}
<line x1="${LEFT}" y1="${TOP + BARS}" x2="${WIDTH - 4}" y2="${TOP + BARS}" class="base"/>
<text x="${LEFT - 8}" y="${STRIP_TOP + 11}" class="tick end">read</text>
${strip(proof, place)}
</svg>`;
}

type Place = (ns: bigint) => number;

function placing(range: Window): Place {
  const span = range.endNs - range.startNs + 1n;
  return (ns) => LEFT + Number(((ns - range.startNs) * 1_000_000n) / span) * (PLOT / 1_000_000);
}

function bar(bucket: BucketProof, most: number, place: Place): string {
  const x = place(bucket.startNs);
  const width = Math.max(place(bucket.endNs + 1n) - x - 1, LEAST_BAR);
  const faults = bucket.missing + bucket.gone + bucket.altered;
  const height = (count: number): number => (count === 0 ? 0 : Math.max((BARS * count) / most, 1.5));
  const journal = height(bucket.journal);
  const platform = height(bucket.platform ?? 0);
  const kind = bucket.method === 'failed' ? 'unknown' : 'held';
  const rect = (h: number, name: string): string =>
    h === 0
      ? ''
      : `<rect x="${x.toFixed(2)}" y="${(TOP + BARS - h).toFixed(2)}" width="${width.toFixed(2)}" height="${h.toFixed(2)}" class="${name}"/>`;
  const lacking = bucket.missing > 0 ? rect(platform, 'lack') : '';
  const middle = x + width / 2;
  const mark =
    faults === 0
      ? ''
      : `<path d="M${middle.toFixed(1)} ${TOP - 3} l-5 -9 h10 z" class="mark"/><line x1="${middle.toFixed(1)}" y1="${TOP - 3}" x2="${middle.toFixed(1)}" y2="${TOP + BARS}" class="flag"/>`;
  return `<g>${lacking}${rect(journal, kind)}${mark}<title>${title(bucket)}</title></g>`;
}

function title(bucket: BucketProof): string {
  const platform = bucket.platform === null ? 'not asked' : figureText(bucket.platform);
  const faults = (['missing', 'gone', 'altered', 'pending'] as const)
    .filter((kind) => bucket[kind] > 0)
    .map((kind) => `, ${figureText(bucket[kind])} ${kind}`);
  return `${formatTime(bucket.startNs)}: Platform ${platform}, journal ${figureText(bucket.journal)}${faults.join('')}`;
}

function strip(proof: SourceProof, place: Place): string {
  const rect = ({ startNs, endNs }: Window, name: string, says: string): string => {
    const x = place(startNs);
    const width = Math.max(place(endNs + 1n) - x, LEAST_BAR);
    return `<rect x="${x.toFixed(2)}" y="${STRIP_TOP}" width="${width.toFixed(2)}" height="${STRIP}" class="${name}"><title>${formatTime(startNs)} to ${formatTime(endNs)}: ${says}</title></rect>`;
  };
  const back = `<rect x="${LEFT}" y="${STRIP_TOP}" width="${PLOT}" height="${STRIP}" class="never"/>`;
  const spans = proof.coverage.map((span) =>
    rect(span, span.status, `${span.status}, last ${text(span.readAt)}`),
  );
  const suspects = proof.coverage
    .filter(({ status }) => status === 'suspect')
    .map(
      (span) =>
        `<text x="${(place(span.startNs) + 2).toFixed(1)}" y="${STRIP_TOP + 11}" class="query">?</text>`,
    );
  return [back, ...spans, ...suspects].join('\n');
}

function axis(range: Window, place: Place): string {
  const span = range.endNs - range.startNs;
  const step =
    TICKS_NS.find((one) => span / one <= TICKS_LIMIT) ?? floorTo(span / TICKS_LIMIT, 8760n * HOUR_NS);
  const ticks: string[] = [];
  for (let at = floorTo(range.startNs, step) + step; at <= range.endNs; at += step) {
    const x = place(at);
    const anchor = x > WIDTH - 40 ? 'end' : 'middle';
    ticks.push(
      `<line x1="${x.toFixed(1)}" y1="${TOP}" x2="${x.toFixed(1)}" y2="${STRIP_TOP + STRIP}" class="grid"/><text x="${x.toFixed(1)}" y="${HEIGHT - 6}" class="tick ${anchor}">${tickText(at, step)}</text>`,
    );
  }
  return ticks.join('\n');
}

/** The date at midnight, the time of day otherwise. */
function tickText(ns: bigint, step: bigint): string {
  const whole = formatTime(ns);
  return step >= 24n * HOUR_NS || whole.slice(11, 16) === '00:00' ? whole.slice(0, 10) : whole.slice(11, 16);
}
