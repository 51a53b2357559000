import { get } from './api.js';
import { h, show } from './dom.js';
import { time } from './words.js';

const LIMIT = 12;

/** The newest events, as any format renders them. Returns what draws them again. */
export function createEvents(container, tools) {
  let format = null;

  async function draw(doc) {
    const { formats, events_readable: readable } = doc.access;
    format ??= formats[0] ?? null;
    show(tools, [formats, readable], () => (readable ? [formatChoice(formats, doc)] : []));
    if (!readable) {
      show(container, 'closed', () =>
        h(
          'p',
          { class: 'calm' },
          doc.access.writable
            ? 'Unlock changes to see events.'
            : 'Set admin.token to see events here: this listener can be reached from other machines.',
        ),
      );
      return;
    }
    const { events } = await get(`api/events?limit=${LIMIT}&format=${encodeURIComponent(format)}`);
    show(container, [format, events], () =>
      events.length === 0
        ? h('p', { class: 'calm' }, 'The journal holds no event yet.')
        : h('ol', { class: 'events' }, events.map(eventItem)),
    );
  }

  function formatChoice(formats, doc) {
    const choose = (change) => {
      format = change.target.value;
      draw(doc).catch(() => {}); // the next tick tries again, and says when the daemon is gone
    };
    const options = formats.map((name) => h('option', { value: name, selected: name === format }, name));
    return h(
      'label',
      { class: 'choice' },
      'Format ',
      h('select', { 'data-key': 'format', onchange: choose }, options),
    );
  }

  return draw;
}

function eventItem(event) {
  return h(
    'li',
    {},
    h(
      'details',
      { 'data-key': `event-${event.seq}` },
      h(
        'summary',
        {},
        h('time', { datetime: event.created_at }, time(event.created_at)),
        h('code', { class: 'line' }, event.text),
      ),
      h('pre', {}, pretty(event)),
      h(
        'p',
        { class: 'quiet' },
        `${event.source} · id ${event.id} · received ${time(event.received_at)}${event.cut ? ' · cut for showing' : ''}`,
      ),
    ),
  );
}

/** A JSON document laid out over lines; text as it is. Numbers that JSON.parse would change are left as they are. */
function pretty(event) {
  if (event.kind !== 'json' || event.cut || /\d{16}/.test(event.text)) return event.text;
  try {
    return JSON.stringify(JSON.parse(event.text), null, 2);
  } catch {
    return event.text;
  }
}
