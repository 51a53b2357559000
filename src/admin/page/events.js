/* global URLSearchParams */
import { get } from './api.js';
import { button, chip, h, show } from './dom.js';
import { openDrawer } from './drawer.js';
import { bytes, count, time } from './words.js';

const LIMIT = 25;
/** So many questions are asked by themselves for one search: each looks through a part of the journal. */
const ROUNDS = 40;
const OUTCOMES = ['success', 'failure', 'unknown'];
const SEVERITIES = ['informational', 'low', 'medium', 'high', 'critical'];
const COLUMNS = ['Time (UTC)', 'Who', 'What', 'On what', 'Outcome', 'Address', 'Severity'];

/** The newest events, and a search through the journal. Returns what draws them again. */
export function createEvents(container, form, tools) {
  let sought = {};
  /** Null: the newest ones, looked at again each time. */
  let result = null;
  let turn = 0;
  let readable = false;

  const results = h('div', {});
  const note = h('p', { class: 'summary', role: 'status' });
  const pager = h('div', { class: 'row pager' });
  container.replaceChildren(note, results, pager);
  form.replaceChildren(...fields());
  form.onsubmit = (event) => {
    event.preventDefault();
    const given = new Map([...new globalThis.FormData(form)].filter(([, value]) => value.trim() !== ''));
    sought = Object.fromEntries(given);
    void look(null);
  };
  form.onreset = () => {
    sought = {};
    result = null;
    void look(null);
  };

  async function draw(doc) {
    readable = doc.access.events_readable;
    form.hidden = !readable;
    if (!readable) {
      result = null;
      note.textContent = doc.access.writable
        ? 'Unlock changes to see events.'
        : 'Set admin.token to see events here: this listener can be reached from other machines.';
      for (const place of [results, pager, tools]) show(place, 'closed', () => []);
      return;
    }
    // What somebody reads does not move under the eyes.
    if (result === null) await newest();
  }

  async function newest() {
    const asked = (turn += 1);
    const page = await ask(null);
    if (asked !== turn) return;
    note.textContent =
      page.events.length === 0 ? 'The journal holds no event yet.' : 'Updated every few seconds.';
    drawRows(page.events);
    drawPager(page.next_before, false);
  }

  const ask = (before) =>
    get(
      `api/events?${new URLSearchParams({ format: '', limit: LIMIT, ...sought, ...(before === null ? {} : { before }) })}`,
    );

  /** Looks on until something was found. `before`: where to begin; null: at the new end. */
  async function look(before) {
    const asked = (turn += 1);
    if (before === null && Object.keys(sought).length === 0) {
      result = null;
      return newest().catch(failed);
    }
    result = { events: [], lookedAt: 0, next: before, to: null };
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const page = await ask(result.next);
        if (asked !== turn) return;
        result = {
          events: [...result.events, ...page.events],
          lookedAt: result.lookedAt + page.looked_at,
          next: page.next_before,
          to: page.looked_back_to ?? result.to,
        };
        const done = result.events.length > 0 || result.next === null;
        note.textContent = done ? told() : `Searching… ${count(result.lookedAt)} events so far.`;
        drawPager(result.next, true, !done);
        if (done) break;
      }
      drawRows(result.events);
      drawPager(result.next, true);
      if (result.events.length === 0 && result.next === null) await askForId(asked);
    } catch (error) {
      failed(error);
    }
  }

  function failed(error) {
    note.textContent = error.message;
  }

  function told() {
    const { events, lookedAt, to, next } = result;
    const found = events.length === 0 ? 'Nothing found' : `${count(events.length)} found`;
    const where =
      next === null
        ? `among all ${count(lookedAt)} events looked through, back to the oldest that the journal keeps`
        : `among ${count(lookedAt)} events, back to ${time(to)}`;
    return lookedAt === 0 ? 'There are no older events in the journal.' : `${found} ${where}.`;
  }

  /** What the journal let go it still knows by id. */
  async function askForId(asked) {
    const id = sought.text;
    if (id === undefined || id.length < 16 || /\s/.test(id)) return;
    const known = await get(`api/known-ids?${new URLSearchParams({ id })}`);
    if (asked !== turn) return;
    const lines = known.found.map(knownText);
    if (lines.length === 0)
      lines.push(
        known.whole
          ? 'The journal has never seen an event of this id.'
          : `It is not among the ${count(known.looked_at)} known ids that were looked through; there are more.`,
      );
    note.textContent = [note.textContent, ...lines].join(' ');
  }

  function drawRows(events) {
    show(results, events, () => (events.length === 0 ? [] : eventTable(events)));
  }

  function drawPager(next, isOld, isSearching = false) {
    show(pager, [next, isOld, isSearching], () => [
      isSearching ? button({ 'data-key': 'stop', onclick: stop }, 'Stop') : null,
      next === null || isSearching
        ? null
        : button({ 'data-key': 'older', onclick: () => look(next) }, 'Older'),
      isOld ? button({ 'data-key': 'newest', onclick: () => form.reset() }, 'Back to the newest') : null,
    ]);
  }

  function stop() {
    turn += 1;
    note.textContent = told();
    drawRows(result.events);
    drawPager(result.next, true);
  }

  return draw;
}

function knownText({ fate, source, created_at: at, seq }) {
  if (fate === 'pruned')
    return `An event of this id (${source}, ${time(at)}) was in the journal as number ${count(seq)}. It was removed after state.retention, once every sink was past it.`;
  if (fate === 'left_out')
    return `An event of this id (${source}, ${time(at)}) was read and left out by the filters of the source.`;
  return `An event of this id (${source}, ${time(at)}) is in the journal as number ${count(seq)}.`;
}

function fields() {
  const text = (name, label, placeholder) =>
    h(
      'label',
      {},
      label,
      h('input', {
        name,
        type: 'search',
        placeholder,
        autocomplete: 'off',
        spellcheck: 'false',
        maxlength: 200,
      }),
    );
  const choice = (name, label, words) =>
    h(
      'label',
      {},
      label,
      h(
        'select',
        { name },
        h('option', { value: '' }, 'any'),
        words.map((word) => h('option', { value: word }, word)),
      ),
    );
  return [
    text('text', 'Id or text', 'anything that the event says'),
    text('who', 'Who', 'name or e-mail'),
    text('type', 'Event type', 'user_login'),
    choice('outcome', 'Outcome', OUTCOMES),
    choice('severity', 'Severity', SEVERITIES),
    h(
      'div',
      { class: 'row' },
      h('button', { type: 'submit', class: 'strong' }, 'Search'),
      h('button', { type: 'reset' }, 'Clear'),
    ),
  ];
}

function eventTable(events) {
  return h(
    'div',
    { class: 'scroll wide', tabindex: '0', role: 'region', 'aria-label': 'Table of events' },
    h(
      'table',
      { class: 'events', role: 'table' },
      h('caption', { class: 'unseen' }, 'Events, newest first'),
      h(
        'thead',
        {},
        h(
          'tr',
          { role: 'row' },
          COLUMNS.map((head) => h('th', { role: 'columnheader', scope: 'col' }, head)),
        ),
      ),
      h('tbody', {}, events.map(eventRow)),
    ),
  );
}

const OUTCOME_TONES = { success: 'good', failure: 'bad' };
const SEVERITY_TONES = { medium: 'warn', high: 'bad', critical: 'bad' };

function eventRow(event) {
  const open = () => openDrawer(event.seq);
  const cells = [
    button(
      {
        class: 'link',
        'data-key': `event-${event.seq}`,
        'aria-label': `Show the event of ${time(event.created_at)}, ${event.what ?? event.id}`,
      },
      time(event.created_at),
    ),
    event.who ?? '',
    event.what ?? `too large to be shown (${bytes(event.bytes)})`,
    event.on ?? '',
    event.outcome === null ? '' : chip(OUTCOME_TONES[event.outcome] ?? 'quiet', event.outcome),
    event.address ?? '',
    event.severity === null ? '' : chip(SEVERITY_TONES[event.severity] ?? 'quiet', event.severity),
  ];
  return h(
    'tr',
    { role: 'row', onclick: open },
    cells.map((cell) =>
      h(
        'td',
        {
          role: 'cell',
          class: cell === '' ? 'empty' : null,
          title: typeof cell === 'string' && cell !== '' ? cell : null,
        },
        cell,
      ),
    ),
  );
}
