import { h, show } from './dom.js';
import { count, plural, time } from './words.js';

/** Lists dead letters, with what can be done about them. */
export function drawLetters(container, tools, doc, letters, acts) {
  const total = Object.values(doc.dead_letters).reduce((sum, value) => sum + value, 0);
  const owners = Object.entries(doc.dead_letters).filter(([, value]) => value > 0);
  show(tools, [owners, acts.allowed], () =>
    acts.allowed
      ? owners.map(([owner, value]) =>
          h(
            'button',
            { type: 'button', 'data-key': `retry-all-${owner}`, onclick: () => acts.retry({ owner }) },
            `Retry all ${count(value)} of ${owner}`,
          ),
        )
      : [],
  );
  show(container, [letters, total, acts.allowed, acts.writable], () => {
    if (total === 0) return h('p', { class: 'calm' }, 'None. No receiver has refused an event for good.');
    return [
      acts.allowed ? null : h('p', { class: 'hint' }, hint(acts)),
      h(
        'ul',
        { class: 'letters' },
        letters.map((letter) => letterItem(letter, acts)),
      ),
      letters.length < total
        ? h(
            'p',
            { class: 'hint' },
            `The first ${count(letters.length)} of ${count(total)} are shown; auditferry dead-letters lists them all.`,
          )
        : null,
    ].filter(Boolean);
  });
}

function hint(acts) {
  return acts.writable
    ? 'To retry or discard them, unlock changes at the top of the page.'
    : 'Set admin.token to retry or discard them here, or use auditferry dead-letters.';
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
      h('strong', {}, letter.owner),
      h('code', {}, name),
      h('span', { class: 'quiet' }, `${plural(letter.attempts, 'attempt')}, last ${time(letter.last_at)}`),
      letter.state === 'retrying'
        ? h('span', { class: 'chip', 'data-tone': 'busy' }, h('span', { class: 'dot' }), 'retrying')
        : null,
    ),
    h('p', { class: 'why' }, letter.reason),
    letter.content === null
      ? null
      : h(
          'details',
          { 'data-key': `letter-${id}` },
          h('summary', {}, `What it says (${count(letter.bytes)} bytes)`),
          h('pre', {}, letter.content),
        ),
    acts.allowed
      ? h(
          'div',
          { class: 'row' },
          letter.side === 'sink' && letter.state === 'open'
            ? h(
                'button',
                {
                  type: 'button',
                  'data-key': `retry-${id}`,
                  'aria-label': `Retry ${name}`,
                  onclick: () => acts.retry({ ids: [id] }),
                },
                'Retry',
              )
            : null,
          h(
            'button',
            {
              type: 'button',
              'data-key': `discard-${id}`,
              'aria-label': `Discard ${name}`,
              onclick: () => acts.discard(letter),
            },
            'Discard…',
          ),
        )
      : null,
  );
}
