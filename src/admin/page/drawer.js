/* global URLSearchParams */
import { get } from './api.js';
import { button, chip, find, h, say } from './dom.js';
import { bytes, clockTime, time } from './words.js';

/** One event: where it has got to, and every format. */
export async function openDrawer(seq) {
  const dialog = find('event-dialog');
  say(find('event-title'), 'Loading…');
  find('event-body').replaceChildren();
  find('event-close').onclick = () => dialog.close();
  if (!dialog.open) dialog.showModal();
  try {
    const event = await get(`api/event?${new URLSearchParams({ seq })}`);
    say(find('event-title'), event.what ?? 'Event');
    find('event-body').replaceChildren(facts(event), ...journey(event), ...formats(event));
  } catch (error) {
    say(find('event-title'), 'This event cannot be shown');
    find('event-body').replaceChildren(h('p', { class: 'error' }, error.message));
  }
}

function facts(event) {
  const rows = [
    ['Time', time(event.created_at)],
    ['Who', event.who],
    ['On what', event.on],
    ['Outcome', event.outcome],
    ['Address', event.address],
    ['Severity', event.severity],
    ['Event type', event.event_type],
    ['Event id', event.id],
    ['Source', event.source],
    ['Size', bytes(event.bytes)],
  ].filter(([, value]) => value !== null && value !== '');
  return h(
    'dl',
    { class: 'facts' },
    rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

const FATES = {
  delivered: ['delivered', 'good'],
  sent: ['sent', 'good'],
  filtered: ['filtered out', 'quiet'],
  dead_letter: ['dead letter', 'bad'],
  waiting: ['waiting', 'busy'],
  unknown: ['not known', 'quiet'],
};

function journey({ journey: { created_at: created, received_at: received, sinks }, seq, source }) {
  return [
    h('h3', {}, 'Where it is'),
    h(
      'ol',
      { class: 'journey' },
      step(chip('good', 'happened'), `on the Platform (${source})`, time(created)),
      step(chip('good', 'journaled'), `as number ${seq}`, time(received)),
      sinks.map((sink) => {
        const [word, tone] = FATES[sink.fate] ?? [sink.fate, 'quiet'];
        return step(chip(toneOf(sink, tone), word), `${sink.sink} (${sink.type})`, whenOf(sink), whyOf(sink));
      }),
    ),
  ];
}

const toneOf = ({ fate, state }, tone) => (fate === 'waiting' && state === 'held' ? 'bad' : tone);

function step(mark, what, when, why = '') {
  return h(
    'li',
    {},
    mark,
    h('span', {}, what),
    h('span', { class: 'quiet' }, when),
    why === '' ? null : h('span', { class: 'why' }, why),
  );
}

function whenOf({ fate, after, by }) {
  if (fate === 'waiting' || fate === 'unknown') return '';
  if (fate === 'dead_letter') return by === null ? '' : `last tried ${time(by)}`;
  if (after !== null && by !== null) {
    const end = time(by).slice(0, 10) === time(after).slice(0, 10) ? clockTime(by) : time(by);
    return `between ${time(after)} and ${end}`;
  }
  return 'time not recorded';
}

function whyOf({ fate, state, reason }) {
  if (fate === 'waiting')
    return `The sink is ${state ?? 'not running'}${reason === null ? '.' : `: ${reason}`}`;
  if (fate === 'dead_letter') return `${state}: ${reason}`;
  if (fate === 'filtered') return 'Left out by the where of the sink, as it is configured now.';
  if (fate === 'unknown') return 'There are too many dead letters to look through.';
  if (fate === 'sent') return 'Handed over; this receiver confirms nothing.';
  return '';
}

function formats({ formats: all }) {
  const pre = h('pre', { tabindex: '0', 'aria-label': 'The event in this format' });
  const tabs = all.map((format, index) =>
    button({ 'aria-pressed': String(index === 0), onclick: () => choose(index) }, format.format),
  );
  const choose = (chosen) => {
    tabs.forEach((tab, index) => tab.setAttribute('aria-pressed', String(index === chosen)));
    pre.textContent = `${pretty(all[chosen])}${all[chosen].cut ? '\n… cut for showing' : ''}`;
  };
  if (all.length > 0) choose(0);
  return [
    h('h3', {}, 'In every format'),
    h('div', { class: 'segmented', role: 'group', 'aria-label': 'Format' }, tabs),
    pre,
    h('p', { class: 'quiet' }, 'With the default options of each format. Secrets are redacted.'),
  ];
}

/** A JSON document laid out over lines; text as it is. Numbers that JSON.parse would change are left as they are. */
function pretty({ kind, text, cut }) {
  const withoutTexts = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '');
  if (kind !== 'json' || cut || /\d{16}/.test(withoutTexts)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
