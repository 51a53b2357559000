import { h, show } from './dom.js';
import { plural, secondsUntil, span, state, time } from './words.js';

const TROUBLES_SHOWN = 5;
const TROUBLED = new Set(['held', 'retrying', 'waiting_for_space']);

/** Lists what a person should look at: held and retrying loops, other reasons for not being ready, findings. */
export function drawAttention(section, list, doc, acts) {
  const loops = [...doc.sources, ...doc.sinks].filter((part) => TROUBLED.has(part.state));
  const named = new Set(loops.map((part) => part.name));
  const reasons = [...doc.healthy.reasons, ...doc.ready.reasons].filter((reason) => !named.has(reason.part));
  const troubles = doc.sources.flatMap(({ name, troubles: its }) => its.map((one) => ({ name, ...one })));
  section.hidden = loops.length + reasons.length + troubles.length + doc.findings.length === 0;
  const stable = loops.map(({ name, state: its, since, reason, hint }) => [name, its, since, reason, hint]);
  show(list, [stable, reasons, troubles, doc.findings, doc.findings_open, acts.allowed], () => [
    ...loops.map((part) => loopItem(part)),
    ...reasons.map((reason) => item('warn', reason.part, 'not ready', reason.text, reason.hint)),
    ...troubles
      .slice(0, TROUBLES_SHOWN)
      .map(({ name, from, to, reason, hint, since }) =>
        item(
          'warn',
          name,
          `cannot read since ${time(since)}`,
          `${time(from)} to ${time(to)}: ${reason}`,
          hint,
        ),
      ),
    ...doc.findings.map((finding) => findingItem(finding, acts)),
    ...(doc.findings_open > doc.findings.length
      ? [h('li', {}, `and ${plural(doc.findings_open - doc.findings.length, 'more finding')}`)]
      : []),
  ]);
  for (const part of loops) drawNextTry(list, part, doc.now);
}

function item(tone, name, word, text, hint, ...more) {
  return h(
    'li',
    { 'data-tone': tone },
    h(
      'p',
      { class: 'what' },
      h('strong', {}, name),
      h('span', { class: 'chip', 'data-tone': tone }, h('span', { class: 'dot' }), word),
    ),
    h('p', { class: 'why' }, text),
    hint ? h('p', { class: 'todo' }, h('span', {}, 'What to do: '), hint) : null,
    ...more,
  );
}

function loopItem(part) {
  const { word, tone } = state(part.state);
  const next = h('p', { class: 'next', 'data-next': part.name });
  return item(tone, part.name, `${word} since ${time(part.since)}`, part.reason ?? '', part.hint, next);
}

/** The countdown changes each second, alone. */
function drawNextTry(list, part, now) {
  const place = [...list.querySelectorAll('[data-next]')].find(
    (element) => element.dataset.next === part.name,
  );
  if (place === undefined) return;
  const wait = part.next_try === null ? null : secondsUntil(part.next_try, now);
  const tries = part.retries.transient + part.retries.denied;
  const when = wait === null ? '' : wait > 0 ? `Next try in ${span(Math.ceil(wait))}. ` : 'Trying now. ';
  place.textContent = `${when}${plural(tries, 'try', 'tries')} so far. Nothing is lost meanwhile.`;
}

function findingItem(finding, acts) {
  const seen = finding.seen > 1 ? `, seen ${finding.seen} times` : '';
  return item(
    'warn',
    finding.source,
    finding.kind.replaceAll('_', ' '),
    finding.summary,
    null,
    h(
      'p',
      { class: 'row next' },
      `${time(finding.last_at)}${seen}`,
      acts.allowed
        ? h(
            'button',
            {
              type: 'button',
              'data-key': `acknowledge-${finding.id}`,
              onclick: () => acts.acknowledge(finding),
            },
            'Acknowledge',
          )
        : null,
    ),
  );
}
