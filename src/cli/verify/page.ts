import { formatDuration } from '../../model/units.ts';
import { formatTime, nsToMs } from '../../model/time.ts';
import { TOLD } from '../../pipeline/verdict.ts';
import { pendingIn, standingOf } from '../../pipeline/verify.ts';
import type {
  ChangedEvent,
  NamedEvent,
  NameList,
  SinkProof,
  SourceProof,
  VerifyResult,
} from '../../pipeline/verify/result.ts';
import { figureText, folded, table, text } from './html.ts';
import { picture } from './picture.ts';
import { LIMITS, METHOD } from './words.ts';
import { REPORT_STYLE } from './style.ts';
import { count } from '../report.ts';
import { redactionSentence } from './redaction.ts';
import type { Circumstances } from './document.ts';

/** The result as one page for an auditor: no script, nothing loaded from anywhere, all text from outside escaped. */
export function reportPage(result: VerifyResult, circumstances: Circumstances): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Audit log verification, ${day(result.range.startNs)} to ${day(result.range.endNs)}: ${result.verdict}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
${heading(result)}
${verdict(result, circumstances)}
${facts(result, circumstances)}
<h2>Totals</h2>
${totals(result)}
<h2>What was compared</h2>
${METHOD.map((paragraph) => `<p>${paragraph}</p>`).join('\n')}
<p>${depth(result)}</p>
<h2>Platform against journal</h2>
${result.sources.map((proof) => sourceSection(proof, result)).join('\n')}
<h2>The journal itself</h2>
${journalSection(result)}
<h2>Journal against receivers</h2>
${sinkSections(result.sinks)}
<h2>Open findings</h2>
${findingsSection(result)}
<h2>What this does not prove</h2>
<ul>${LIMITS.map((limit) => `<li>${limit}</li>`).join('\n')}</ul>
<h2>Counts in full</h2>
${result.sources.map(bucketTable).join('\n')}
<p class="small">Written by auditferry ${text(circumstances.version)}. All times are UTC.</p>
</main>
</body>
</html>
`;
}

function heading({ range }: VerifyResult): string {
  return `<p class="small">Audit log verification</p>
<h1><span>${minute(range.startNs)}</span> to <span>${minute(range.endNs)}</span> UTC</h1>`;
}

const TITLES: Readonly<Record<VerifyResult['verdict'], string>> = {
  complete: '✓ Complete',
  undelivered: '✗ Undelivered',
  incomplete: '✗ Incomplete',
};

function verdict(result: VerifyResult, { repairs }: Circumstances): string {
  const pending = pendingIn(result);
  const young =
    pending === 0
      ? ''
      : ` ${count(pending, 'event')} created in the last minutes are too young to be judged.`;
  const reasons =
    result.reasons.length <= TOLD
      ? ''
      : `<ul>${result.reasons.map((reason) => `<li>${text(reason)}</li>`).join('')}</ul>`;
  const fixed = repairs.map((done) => `<li>${text(done)}</li>`).join('');
  return `<div class="verdict${result.verdict === 'complete' ? '' : ' no'}"><strong>${TITLES[result.verdict]}</strong>
<p>${text(result.summary)}${young}</p>${reasons}${fixed === '' ? '' : `<p>Repaired before this verification:</p><ul>${fixed}</ul>`}</div>`;
}

function facts(result: VerifyResult, { who, version, configuration, redaction }: Circumstances): string {
  const took = formatDuration(Math.max(Math.round((result.finishedMs - result.startedMs) / 1000), 1) * 1000);
  const rows: [string, string][] = [
    ['Range', `${formatTime(result.range.startNs)} to ${formatTime(result.range.endNs)}, both inclusive`],
    ['Verified', `${new Date(result.startedMs).toISOString()}, in ${took}`],
    ['By', `${text(who)}, with auditferry ${text(version)}`],
    [
      'Platform',
      result.sources.map(({ name, instance }) => `${text(instance)} (source ${text(name)})`).join('<br>'),
    ],
    ['Installation', `<code>${text(result.installationId)}</code>`],
    ['Journal head', `<code>${text(result.chain.head)}</code>`],
    [
      'Configuration',
      `<code>${text(configuration)}</code><br><span class="small">SHA-256 of the effective configuration, secrets masked</span>`,
    ],
    ['Redaction', text(redactionSentence(redaction))],
  ];
  return `<dl>${rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('\n')}</dl>`;
}

function depth({ deep, sources }: VerifyResult): string {
  const counting = sources.every(({ counts }) => counts !== false);
  if (deep)
    return 'For this report every event of the range was read from the Platform and its bytes compared with those in the journal.';
  return counting
    ? 'For this report the Platform was asked for its own count of each interval; intervals that agreed were not read again.'
    : 'A Platform of this report gives no counts, so that everything was read and compared by id and bytes.';
}

/** What the lists below hold, before any of them. */
function totals({ sources }: VerifyResult): string {
  const rows = sources.map((proof) => {
    const sum = (key: 'platform' | 'journal' | 'pending'): string =>
      figureText(proof.buckets.reduce((total, bucket) => total + (bucket[key] ?? 0), 0));
    const { missing, gone, altered, noted } = proof;
    const names = [missing.total, gone.total, altered.total].map(short);
    return [
      text(proof.name),
      sum('platform'),
      sum('journal'),
      sum('pending'),
      ...names,
      figureText(noted.total),
    ];
  });
  const heads = [
    'Source',
    'Platform',
    'Known',
    'Too young',
    'Missing',
    'Gone',
    'Altered',
    'User part changed',
  ];
  return table(heads, rows, [1, 2, 3, 4, 5, 6, 7]);
}

const LEGEND = `<ul class="legend"><li><i style="background:var(--held)"></i>events in the journal</li><li><i style="background:var(--badfill)"></i>on the Platform only</li><li><i class="tri"></i>interval with a difference</li>
<li><i style="background:var(--verified)"></i>read, and counted again later</li><li><i style="background:var(--read)"></i>read</li><li><i style="background:var(--suspect)"></i>suspect</li><li><i class="never"></i>never read by a poll</li></ul>`;

function sourceSection(proof: SourceProof, { range }: VerifyResult): string {
  const sum = (key: 'platform' | 'journal'): number =>
    proof.buckets.reduce((total, bucket) => total + (bucket[key] ?? 0), 0);
  const pending = proof.buckets.reduce((total, bucket) => total + bucket.pending, 0);
  const young = pending === 0 ? '' : `, ${figureText(pending)} too young to judge`;
  const notes: [number, string][] = [
    [
      proof.explained,
      'are gone on the Platform; an operator has looked into it and acknowledged the finding',
    ],
    [proof.beforeStart, 'lie before the start that the source was given: on the Platform, not read'],
    [proof.expired, 'are older than the audit horizon and gone on the Platform: its retention'],
    [proof.leftOut, "are left out by the source's filters: known by id, not kept"],
    [proof.pruned, 'were pruned from the journal: known by id and hash'],
    [proof.unreadable, 'items cannot be read as events: dead letters of the source, kept with their bytes'],
  ];
  const remarks = notes
    .filter(([number]) => number > 0)
    .map(([number, what]) => `<li>${figureText(number)} ${what}</li>`);
  const unread = proof.unread.map(
    (gap) =>
      `<li>${formatTime(gap.startNs)} to ${formatTime(gap.endNs)} was read by no poll; it was compared just now</li>`,
  );
  const unsure = proof.unsure.map(
    (window) =>
      `<li class="warn">${formatTime(window.startNs)} to ${formatTime(window.endNs)}: the Platform does not show as many events as it counts</li>`,
  );
  const unshown = proof.unshown.map(
    ({ startNs, endNs, reason }) =>
      `<li class="warn">${formatTime(startNs)} to ${formatTime(endNs)}: the Platform does not show all of it (${text(reason)})</li>`,
  );
  const notices = [...unshown.slice(0, 20), ...unsure, ...unread.slice(0, 20), ...remarks].join('\n');
  return `<h3>Source ${text(proof.name)}, ${text(proof.instance)}</h3>
<p>${figureText(sum('platform'))} on the Platform, ${figureText(sum('journal'))} known to the journal${young}.</p>
${proof.failure === null ? '' : `<p class="bad">The Platform could not be asked about all of the range: ${text(proof.failure)}</p>`}
${picture(proof, range)}
${LEGEND}
${notices === '' ? '' : `<ul>${notices}</ul>`}
${named('Missing in the journal', 'The Platform shows them, the journal does not know them.', proof.missing)}
${named('Not on the Platform any more', 'The journal holds them; the Platform, within its audit horizon, does not show them: its retention, or someone removed them.', proof.gone)}
${changed('Altered', 'The same id with other bytes than when it was first read. The first bytes stay in the journal.', proof.altered)}
${changed('Changed in the user part only', 'The Platform joins the user into an event when it is read, so that this is expected.', proof.noted)}`;
}

function named(title: string, says: string, list: NameList<NamedEvent>): string {
  if (list.total === 0) return '';
  const rows = list.named.map(({ id, createdAt }) => [`<code>${text(id)}</code>`, text(createdAt)]);
  return folded(
    `${title}: ${figureText(list.total)}`,
    rows.length,
    `<p>${says}</p>${table(['Event id', 'Created'], rows, [])}${more(list)}`,
  );
}

function changed(title: string, says: string, list: NameList<ChangedEvent>): string {
  if (list.total === 0) return '';
  const rows = list.named.map(({ id, createdAt, heldHash, seenHash, fields }) => [
    `<code>${text(id)}</code>`,
    text(createdAt),
    fields === null ? 'unknown: pruned here, or not JSON any more' : text(fields.join(', ')),
    `<code>${text(heldHash)}</code>`,
    `<code>${text(seenHash)}</code>`,
  ]);
  const heads = ['Event id', 'Created', 'What differs', 'SHA-256 held', 'SHA-256 on the Platform'];
  return folded(
    `${title}: ${figureText(list.total)}`,
    rows.length,
    `<p>${says}</p>${table(heads, rows, [])}${more(list)}`,
  );
}

function more({ named: some, total }: NameList<unknown>): string {
  return some.length === total
    ? ''
    : `<p>and ${figureText(total - some.length)} more that are not named here</p>`;
}

function journalSection({ chain }: VerifyResult): string {
  if (chain.intact) {
    return `<p><span class="good">✓</span> The hash chain holds over all ${count(chain.checked, 'event')} that the journal keeps: none was changed, removed, put in or moved after it was appended.</p>
<p>Keep the head hash above somewhere else: a later journal must still lead through it.</p>`;
  }
  const rows = chain.faults.map(({ kind, seq, source, id, reason }) => [
    id === null ? '<span class="soft">its id is not known</span>' : `<code>${text(id)}</code>`,
    source === null ? '' : text(source),
    figureText(seq),
    kind,
    text(reason),
  ]);
  const broken =
    rows.length === 0
      ? ''
      : `<p class="bad">✗ The hash chain is broken in ${count(rows.length, 'place')}. Somebody, or a fault of the disk, changed the journal behind the program's back.</p>
${folded('The places', rows.length, table(['Event id', 'Source', 'Place', 'What', 'Why'], rows, [2]))}`;
  const { damage } = chain;
  const damaged =
    damage.length === 0
      ? ''
      : `<p class="bad">✗ The file of the journal is damaged in ${count(damage.length, 'place')}.</p>
<ul>${damage.map((place) => `<li>${text(place)}</li>`).join('')}</ul>`;
  return `${broken}${damaged}
<p>Stop the daemon, then put back a backup, or run <code>auditferry journal repair</code>, which recovers the intact part of a journal in SQLite and has the rest read again. Keep the damaged one as evidence.</p>`;
}

function sinkSections(sinks: readonly SinkProof[]): string {
  if (sinks.length === 0) return '<p>No sink was looked at.</p>';
  const rows = sinks.map((proof) => [
    text(proof.name),
    proof.delivery,
    figureText(proof.expected),
    proof.canBeAsked ? figureText(proof.found) : '<span class="soft">cannot be asked</span>',
    proof.missing.total > 0
      ? `<span class="bad">✗ ${figureText(proof.missing.total)}</span>`
      : proof.canBeAsked
        ? '0'
        : '–',
    proof.canBeAsked ? figureText(proof.repeated.total) : '–',
    short(standingOf(proof).waiting),
    short(proof.deadLetters),
    short(proof.tooOld),
    short(proof.prunedBeforeDelivery),
    short(standingOf(proof).unconfirmed),
    figureText(proof.discarded),
    figureText(proof.filtered),
    proof.pruned === 0
      ? '0'
      : `${figureText(proof.pruned)} <span class="soft">(holds ${figureText(proof.prunedFound)})</span>`,
  ]);
  const heads = [
    'Sink',
    'Delivery',
    'Expected',
    'Holds',
    'Missing',
    'Repeated',
    'Waiting',
    'Dead letters',
    'Too old',
    'Pruned before',
    'Unconfirmed',
    'Discarded',
    'Filtered',
    'Pruned',
  ];
  const details = sinks.map((proof) => {
    const failure =
      proof.failure === null
        ? ''
        : `<p class="bad">${text(proof.name)} could not be asked about all of the range: ${text(proof.failure)}</p>`;
    const missing = named(
      `Missing at ${text(proof.name)}`,
      'Delivered by our records, not found at the receiver.',
      proof.missing,
    );
    const repeats = proof.repeated.named.map(({ id, createdAt, copies }) => [
      `<code>${text(id)}</code>`,
      text(createdAt),
      figureText(copies),
    ]);
    const repeated =
      proof.repeated.total === 0
        ? ''
        : folded(
            `More than once at ${text(proof.name)}: ${figureText(proof.repeated.total)}`,
            repeats.length,
            `<p>Every copy carries the same event id.</p>${table(['Event id', 'Created', 'Copies'], repeats, [2])}${more(proof.repeated)}`,
          );
    return `${failure}${missing}${repeated}`;
  });
  return `${table(heads, rows, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])}
<p class="small">Confirmed: the receiver said that it stored or queued each event. Sent: the bytes left, but the protocol knows no receipt. Expected is what the receiver must hold by our records; the columns to the right of it say what became of the others.</p>
${details.join('\n')}`;
}

function short(number: number): string {
  return number === 0 ? '0' : `<span class="bad">✗ ${figureText(number)}</span>`;
}

function findingsSection({ findings }: VerifyResult): string {
  if (findings.length === 0)
    return '<p><span class="good">✓</span> None about this range: no gap, no suspect window, nothing unacknowledged.</p>';
  const rows = findings.map((finding) => [
    `#${finding.id}`,
    text(finding.kind, 60),
    `${text(finding.summary)}${finding.eventId === undefined ? '' : `<br><code>${text(finding.eventId)}</code>`}`,
    text(finding.lastAt),
  ]);
  const all = table(['No.', 'Kind', 'What was seen', 'Last seen'], rows, []);
  return folded(count(rows.length, 'finding'), rows.length, all);
}

function bucketTable(proof: SourceProof): string {
  const rows = proof.buckets.map((bucket) => [
    minute(bucket.startNs),
    formatDuration(nsToMs(bucket.endNs - bucket.startNs + 1n)),
    bucket.platform === null ? '<span class="warn">not asked</span>' : figureText(bucket.platform),
    figureText(bucket.journal),
    ...(['missing', 'gone', 'altered'] as const).map((kind) =>
      bucket[kind] === 0
        ? '<span class="soft">0</span>'
        : `<span class="bad">✗ ${figureText(bucket[kind])}</span>`,
    ),
    bucket.pending === 0 ? '<span class="soft">0</span>' : figureText(bucket.pending),
    bucket.method,
  ]);
  const heads = [
    'From',
    'Length',
    'Platform',
    'Journal',
    'Missing',
    'Gone',
    'Altered',
    'Too young',
    'Compared by',
  ];
  const title = `Source ${text(proof.name)}: ${count(rows.length, 'interval')}`;
  return folded(title, rows.length, table(heads, rows, [2, 3, 4, 5, 6, 7]));
}

function minute(ns: bigint): string {
  return formatTime(ns).slice(0, 16).replace('T', ' ');
}

function day(ns: bigint): string {
  return formatTime(ns).slice(0, 10);
}
