import { attentionCounts } from './attention.js';
import { chip, find, h, say, show } from './dom.js';
import { clockTime, plural, sentence, span, time } from './words.js';

/** The first screen: is everything where it should be, what is to be done, and how fresh is this? */
export function drawAnswers(doc) {
  const { tone, word, state } = standing(doc);
  find('answers').dataset.tone = tone;
  show(find('verdict'), [tone, doc.verdict, state], () => [chip(tone, doc.verdict), state]);
  say(find('answer-word'), word);
  // The word stands in the chip.
  say(find('standing'), sentence(doc.summary.replace(/^[a-z]+: /, '')));
  drawTodo(doc);
  drawFreshness(doc);
  return tone;
}

/** The daemon's own verdict, in a word for a person; the page judges nothing. */
function standing(doc) {
  const word = { complete: 'Yes', undelivered: 'Not yet', incomplete: 'No' }[doc.verdict] ?? doc.verdict;
  const stuck = stateOf(doc);
  if (stuck !== null) return { tone: stuck.tone, word, state: stuck.text };
  if (doc.verdict === 'complete') return { tone: 'good', word, state: '' };
  if (isFlowing(doc)) return { tone: 'busy', word: 'Nearly', state: 'events are being delivered' };
  return { tone: doc.verdict === 'incomplete' ? 'bad' : 'warn', word, state: '' };
}

function stateOf(doc) {
  if (doc.started_at === null) return { tone: 'bad', text: 'no daemon is running' };
  if (doc.stopping) return { tone: 'warn', text: 'stopping' };
  if (!doc.healthy.ok) return { tone: 'bad', text: `stuck: ${names(doc.healthy.reasons)}` };
  if (!doc.ready.ok) return { tone: 'bad', text: `not ready: ${names(doc.ready.reasons)}` };
  return null;
}

const names = (reasons) => [...new Set(reasons.map((reason) => reason.part))].join(', ');

/** Events that just flow are no reason to worry. */
function isFlowing(doc) {
  const calm = (sink) =>
    ['idle', 'working'].includes(sink.state) &&
    sink.dead_letters + sink.pruned_before_delivery + sink.too_old === 0;
  return doc.verdict === 'undelivered' && doc.sinks.every(calm) && doc.attention.length === 0;
}

function drawTodo(doc) {
  const [worst] = doc.attention;
  show(find('todo'), [doc.attention.length, worst?.cause, worst?.hint, worst?.parts], () => {
    if (worst === undefined) return h('p', { class: 'answer' }, 'Nothing');
    return [
      h('p', { class: 'answer' }, attentionCounts(doc.attention)),
      h('p', {}, `${worst.parts.join(', ')}: ${worst.cause}`),
      worst.hint === null ? null : h('p', { class: 'todo' }, sentence(worst.hint)),
      h(
        'p',
        {},
        h(
          'a',
          { href: '#attention' },
          plural(doc.attention.length, 'item needs', 'items need'),
          ' attention',
        ),
      ),
    ];
  });
}

function drawFreshness(doc) {
  const ages = doc.sources.map(({ frontier_age_seconds: age }) => age);
  const oldest = ages.includes(null) || ages.length === 0 ? null : Math.max(...ages);
  const frontiers = doc.sources.map(({ frontier }) => frontier).filter((one) => one !== null);
  const polls = doc.sources.map(({ last_poll: at }) => at).filter((one) => one !== null);
  const now = Date.parse(doc.now);
  const waiting = doc.sinks.filter((sink) => sink.oldest_undelivered_waiting_seconds !== null);
  const slowest = waiting.toSorted(
    (a, b) => b.oldest_undelivered_waiting_seconds - a.oldest_undelivered_waiting_seconds,
  )[0];
  const lines = [
    oldest === null
      ? 'Nothing has been read yet.'
      : `Everything before ${time(frontiers.toSorted()[0])} is read.`,
    polls.length === 0
      ? 'No poll has ended yet.'
      : `Last poll: ${span(Math.max((now - Date.parse(polls.toSorted()[0])) / 1000, 0))} ago.`,
    slowest === undefined
      ? 'No event is waiting for a sink.'
      : `Longest wait in the journal: ${span(slowest.oldest_undelivered_waiting_seconds)}, for ${slowest.name}.`,
    `Status of ${clockTime(doc.now)} UTC, updated every second.`,
  ];
  show(find('fresh'), [oldest === null ? null : span(oldest), lines], () => [
    h('p', { class: 'answer' }, oldest === null ? 'Not known yet' : `${span(oldest)} old`),
    ...lines.map((line) => h('p', {}, line)),
  ]);
}
