import { chip, h, show } from './dom.js';
import { bytes, count, perMinute, plural, span, state } from './words.js';

/** With more sinks than this each one is a small card without a wire of its own. */
const WIRED_MOST = 4;

/** Draws Platform → journal → sinks. */
export function drawPath(container, doc) {
  const many = doc.sinks.length > WIRED_MOST;
  container.classList.toggle('many', many);
  const now = Date.parse(doc.now);
  show(container, [doc.sources, doc.journal, doc.sinks, Math.floor(now / 1000)], () => [
    h('div', { class: 'lane from' }, doc.sources.map(sourceRow)),
    journalCard(doc.journal),
    h(
      'div',
      { class: 'lane to' },
      doc.sinks.map((sink) => sinkRow(sink, many, now)),
    ),
  ]);
}

function sourceRow(source) {
  const skew = Math.abs(source.clock_skew_seconds ?? 0);
  return h(
    'div',
    { class: 'leg' },
    card(source, 'Platform', source.instance, [
      ['read up to', source.frontier === null ? 'nothing yet' : `${span(source.frontier_age_seconds)} ago`],
      [
        'visibility lag',
        source.visibility_lag_seconds === null ? 'not known yet' : span(source.visibility_lag_seconds),
      ],
      ['new events', count(source.appended)],
      source.reconciled > 0 ? ['arrived late', count(source.reconciled)] : null,
      source.open_windows > 0 ? ['open windows', count(source.open_windows)] : null,
      skew >= 2 ? ['clock differs', span(skew)] : null,
    ]),
    wire(source),
  );
}

function sinkRow(sink, many, now) {
  const behind = sink.undelivered > 0;
  const sinkCard = card(sink, 'Sink', `${sink.type} · ${sink.format} · ${sink.delivery}`, [
    ['behind', behind ? plural(sink.undelivered, 'event') : 'nothing'],
    behind ? ['oldest waits', span(sink.oldest_undelivered_waiting_seconds)] : null,
    many ? ['rate', perMinute(sink.events_per_minute)] : null,
    ['delivered', count(sink.delivered + sink.duplicates)],
    sink.filtered > 0 ? ['filtered out', count(sink.filtered)] : null,
    sink.possible_repeats > 0
      ? ['possible repeats', plural(sink.possible_repeats, 'batch', 'batches')]
      : null,
    sink.unclassified > 0 ? ['unclassified', plural(sink.unclassified, 'event')] : null,
    sink.redacted_values > 0 ? ['redacted', plural(sink.redacted_values, 'value')] : null,
    sink.dead_letters > 0 ? ['dead letters', count(sink.dead_letters)] : null,
    sink.too_old > 0 ? ['too old', count(sink.too_old)] : null,
    sink.pruned_before_delivery > 0 ? ['pruned before delivery', count(sink.pruned_before_delivery)] : null,
    sink.last_heartbeat === null
      ? null
      : ['last heartbeat', `${span(Math.max((now - Date.parse(sink.last_heartbeat)) / 1000, 0))} ago`],
    sink.unanswered_heartbeats > 0 ? ['unanswered heartbeats', count(sink.unanswered_heartbeats)] : null,
  ]);
  return h('div', { class: 'leg' }, many ? null : wire(sink), sinkCard);
}

function card(part, kind, subtitle, figures) {
  const { word, tone } = state(part.state);
  return h(
    'article',
    { class: 'card', 'data-tone': tone, 'aria-label': `${kind} ${part.name}: ${word}` },
    h('div', { class: 'card-head' }, h('h3', {}, part.name), chip(tone, word)),
    h('p', { class: 'subtitle' }, subtitle),
    list(figures),
  );
}

function journalCard(journal) {
  const share = journal.limit_bytes === 0 ? 0 : journal.used_bytes / journal.limit_bytes;
  const tone = share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : 'good';
  const meter = h('div', { class: 'meter', 'data-tone': tone, 'aria-hidden': 'true' }, h('span'));
  meter.firstChild.style.width = `${Math.min(share * 100, 100)}%`;
  return h(
    'article',
    { class: 'card journal', 'aria-label': 'Journal' },
    h('div', { class: 'card-head' }, h('h3', {}, 'journal')),
    h('p', { class: 'subtitle' }, 'keeps every event until each sink has it'),
    h(
      'p',
      { class: 'big' },
      count(journal.events),
      h('small', {}, journal.events === 1 ? ' event' : ' events'),
    ),
    meter,
    list([
      ['size', `${bytes(journal.used_bytes)} of ${bytes(journal.limit_bytes)}`],
      ['in all', plural(journal.head_seq, 'event')],
    ]),
  );
}

function wire(part) {
  const { tone } = state(part.state);
  const flowing = part.events_per_minute > 0 && tone !== 'bad';
  const label = tone === 'bad' ? 'held' : perMinute(part.events_per_minute);
  return h(
    'div',
    { class: `wire${flowing ? ' flowing' : ''}`, 'data-tone': tone },
    h('span', { class: 'rate' }, label),
  );
}

function list(figures) {
  return h(
    'dl',
    { class: 'figures' },
    figures
      .filter((figure) => figure !== null)
      .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}
