/* global Blob, URLSearchParams */
import { get } from './api.js';
import { button, chip, find, h, say, show } from './dom.js';
import { pagesOf } from './pages.js';
import { bytes, count, plural, time } from './words.js';

const GROUPS_PAGE = 10;
const LETTERS_PAGE = 20;
/** One file holds no more letters than this; the command line exports them all. */
const EXPORT_MOST = 10_000;

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

/** Dead letters by reason, with what can be done about each group. Returns what draws them again. */
export function createLetters(container, tools) {
  /** By group: the letters that were asked for, oldest first. */
  const opened = new Map();
  let latest = null;

  async function draw(doc, acts) {
    const tooOld = sum(doc.sinks.map((sink) => sink.too_old));
    const total = sum(Object.values(doc.dead_letters)) + tooOld;
    const { groups, whole } =
      total === 0 ? { groups: [], whole: true } : await get('api/dead-letters/groups');
    latest = { doc, acts, total, tooOld, groups, whole };
    paint();
  }

  function paint() {
    const { acts, total, tooOld, groups, whole } = latest;
    const pages = pagesOf('letters', groups, GROUPS_PAGE, paint);
    const inAll = `${count(total)} in all${tooOld === 0 ? '' : `, ${count(tooOld)} too old for the receiver`}`;
    show(tools, inAll, () => (total === 0 ? [] : [h('span', { class: 'quiet' }, inAll)]));
    const data = [pages.items, groups.length, whole, total, access(latest), [...opened]];
    show(container, data, () => {
      if (total === 0) return h('p', { class: 'calm' }, 'None: no event was refused for good.');
      return [
        acts.allowed ? null : h('p', { class: 'hint' }, hintFor(acts)),
        whole
          ? null
          : h(
              'p',
              { class: 'hint' },
              'There are more than could be grouped: auditferry dead-letters lists them all.',
            ),
        h(
          'ul',
          { class: 'letters' },
          pages.items.map((group) => groupItem(group)),
        ),
        pages.more(),
      ];
    });
  }

  function groupItem(group) {
    const { acts, doc } = latest;
    const key = JSON.stringify([group.owner, group.reason_group]);
    const which = { owner: group.owner, reason_group: group.reason_group };
    const types = Object.keys(group.event_types);
    const letters = opened.get(key);
    const name = `${plural(group.count, group.side === 'sink' ? 'event' : 'item')} of ${group.owner}`;
    return h(
      'li',
      {},
      h(
        'div',
        { class: 'letter-head' },
        h('strong', {}, name),
        types.length === 0 ? null : h('span', {}, types.slice(0, 4).join(', '), types.length > 4 ? ' …' : ''),
        h('span', { class: 'quiet' }, between(group)),
        group.retrying === 0 ? null : chip('busy', `${count(group.retrying)} being retried`),
      ),
      h('p', { class: 'why' }, group.example),
      h(
        'div',
        { class: 'row' },
        button(
          {
            'data-key': `open-${key}`,
            'aria-expanded': String(letters !== undefined),
            onclick: () => toggle(key, which),
          },
          letters === undefined ? 'Show' : 'Hide',
        ),
        acts.allowed && group.side === 'sink'
          ? button(
              { 'data-key': `retry-${key}`, 'aria-label': `Retry ${name}`, onclick: () => acts.retry(which) },
              `Retry ${count(group.count)}`,
            )
          : null,
        doc.access.events_readable
          ? button(
              {
                'data-key': `export-${key}`,
                'aria-label': `Export ${name}`,
                onclick: () => acts.attempt(() => exportGroup(which)),
              },
              'Export',
            )
          : null,
        acts.allowed
          ? button(
              {
                class: 'danger',
                'data-key': `discard-${key}`,
                'aria-label': `Discard ${name}`,
                onclick: () => acts.discard(which, group.count),
              },
              `Discard ${count(group.count)}…`,
            )
          : null,
      ),
      letters === undefined ? null : lettersOf(key, which, letters, group.count),
    );
  }

  async function toggle(key, which) {
    if (opened.delete(key)) return paint();
    opened.set(key, []);
    return more(key, which);
  }

  async function more(key, which) {
    const held = opened.get(key) ?? [];
    const query = new URLSearchParams({ ...which, limit: LETTERS_PAGE, after: held.at(-1)?.id ?? '0' });
    await latest.acts.attempt(async () => {
      const { dead_letters: letters } = await get(`api/dead-letters?${query}`);
      if (opened.has(key)) opened.set(key, [...held, ...letters]);
      paint();
    });
  }

  function lettersOf(key, which, letters, total) {
    const left = total - letters.length;
    return h(
      'div',
      {},
      h(
        'ul',
        { class: 'letters inner' },
        letters.map((letter) => letterItem(letter, latest.acts)),
      ),
      left > 0 && letters.length > 0
        ? button(
            { class: 'more', 'data-key': `more-${key}`, onclick: () => more(key, which) },
            `Show more (${count(left)} left)`,
          )
        : null,
    );
  }

  async function exportGroup(which) {
    const lines = [];
    for (let after = '0'; after !== null && lines.length < EXPORT_MOST;) {
      const part = await get(`api/dead-letters/export?${new URLSearchParams({ ...which, after })}`);
      lines.push(...part.dead_letters.map((letter) => JSON.stringify(letter)));
      after = part.next_after;
    }
    const url = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type: 'application/x-ndjson' }));
    h('a', { href: url, download: `dead-letters-${which.owner}.ndjson` }).click();
    URL.revokeObjectURL(url);
    say(find('announce'), `Exported ${plural(lines.length, 'dead letter')}.`);
  }

  return draw;
}

const access = ({ acts, doc }) => [acts.allowed, acts.writable, doc.access.events_readable];

function between({ first_at: first, last_at: last }) {
  return first === last ? time(last) : `${time(first)} to ${time(last)}`;
}

function hintFor(acts) {
  return acts.writable
    ? 'To retry or discard them, unlock changes at the top of the page.'
    : 'Set admin.token to retry or discard them here, or use auditferry dead-letters.';
}

/** What was refused, and what a retry would send. */
function texts({ owner, sent, rendered_now: now }) {
  const part = (title, text) => [h('p', { class: 'quiet' }, title), h('pre', { tabindex: '0' }, text)];
  return [
    ...(sent === null ? [] : part(`What ${owner} sent:`, sent)),
    ...(now === null ? [] : part(`What ${owner} would send now (${now.format}):`, now.text)),
  ];
}

function letterItem(letter, acts) {
  const { id } = letter;
  const name = letter.event_id ?? `unreadable item ${id}`;
  return h(
    'li',
    {},
    h(
      'div',
      { class: 'letter-head' },
      h('code', {}, name),
      h('span', { class: 'quiet' }, `${plural(letter.attempts, 'attempt')}, last ${time(letter.last_at)}`),
      letter.state === 'retrying' ? chip('busy', 'retrying') : null,
    ),
    h('p', { class: 'why' }, letter.reason),
    letter.content === null
      ? null
      : h(
          'details',
          { 'data-key': `letter-${id}` },
          h('summary', {}, `What the Platform sent (${bytes(letter.bytes)}, redacted)`),
          h('pre', { tabindex: '0' }, letter.content),
          ...texts(letter),
        ),
    acts.allowed
      ? h(
          'div',
          { class: 'row' },
          letter.side === 'sink' && letter.state === 'open'
            ? button(
                {
                  'data-key': `retry-${id}`,
                  'aria-label': `Retry ${name}`,
                  onclick: () => acts.retry({ ids: [id] }),
                },
                'Retry',
              )
            : null,
          button(
            {
              class: 'danger',
              'data-key': `discard-${id}`,
              'aria-label': `Discard ${name}`,
              onclick: () => acts.discard({ ids: [id] }, 1),
            },
            'Discard…',
          ),
        )
      : null,
  );
}
