import { button, chip, h, show } from './dom.js';
import { pagesOf } from './pages.js';
import { plural, secondsUntil, sentence, span, time } from './words.js';

const PAGE = 8;
const TONES = { critical: 'bad', warning: 'warn', notice: 'busy' };

/** What a person should look at, worst first, one item for each cause. The daemon says what that is. */
export function drawAttention(section, list, doc, acts) {
  const items = doc.attention;
  section.hidden = items.length === 0;
  const redraw = () => drawAttention(section, list, doc, acts);
  const pages = pagesOf('attention', items, PAGE, redraw);
  // What changes each second is drawn alone.
  const stable = pages.items.map((item) => ({ ...item, next_try: null, tries: 0 }));
  show(list, [stable, items.length, acts.allowed], () => [
    ...pages.items.map((item, index) => attentionItem(item, index, acts)),
    pages.more() === null ? null : h('li', { class: 'plain' }, pages.more()),
  ]);
  pages.items.forEach((item, index) => drawNextTry(list, item, index, doc.now));
}

/** "2 critical, 1 warning", of all that there are. */
export function attentionCounts(items) {
  return ['critical', 'warning', 'notice']
    .map((severity) => [severity, items.filter((item) => item.severity === severity).length])
    .filter(([, number]) => number > 0)
    .map(([severity, number]) => (severity === 'critical' ? `${number} critical` : plural(number, severity)))
    .join(', ');
}

function attentionItem(item, index, acts) {
  const { severity, label, parts, cause, effect, hint, since } = item;
  const canAcknowledge = acts.allowed && item.finding_ids.length > 0;
  return h(
    'li',
    { 'data-tone': TONES[severity] },
    h('h3', { class: 'cause' }, sentence(cause)),
    h(
      'p',
      { class: 'what' },
      chip(TONES[severity], severity),
      h('span', {}, `${parts.join(', ')}: ${label.replaceAll('_', ' ')}`),
      since === null ? null : h('span', { class: 'quiet' }, `since ${time(since)}`),
    ),
    effect === null ? null : h('p', { class: 'effect' }, effect),
    hint === null ? null : h('p', { class: 'todo' }, h('strong', {}, 'What to do: '), sentence(hint)),
    h('p', { class: 'next', 'data-next': String(index) }),
    canAcknowledge
      ? button(
          { 'data-key': `acknowledge-${item.finding_ids[0]}`, onclick: () => acts.acknowledge(item) },
          item.finding_ids.length === 1 ? 'Acknowledge…' : `Acknowledge ${item.finding_ids.length}…`,
        )
      : null,
  );
}

function drawNextTry(list, item, index, now) {
  const place = list.querySelector(`[data-next="${index}"]`);
  if (place === null) return;
  const wait = item.next_try === null ? null : secondsUntil(item.next_try, now);
  const when = wait === null ? '' : wait > 0 ? `Next try in ${span(Math.ceil(wait))}. ` : 'Trying now. ';
  const tries = item.tries === 0 ? '' : `${plural(item.tries, 'try', 'tries')} so far.`;
  place.textContent = `${when}${tries}`.trim();
  place.hidden = place.textContent === '';
}
