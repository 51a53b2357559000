/* global ResizeObserver, URLSearchParams, document */
import { get } from './api.js';
import { h, show, svg, table } from './dom.js';
import { pagesOf } from './pages.js';
import { count, span, time } from './words.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const RANGES = [
  ['1 h', HOUR],
  ['6 h', 6 * HOUR],
  ['24 h', DAY],
  ['7 d', 7 * DAY],
  ['30 d', 30 * DAY],
];
const LEAST = MINUTE;
const MOST = 60 * DAY;
const HEIGHT = 96;
const BAR = { top: 16, height: 44 };
const ROWS = 25;

/** What each word means, in the order of the legend. */
const MEANINGS = {
  verified: 'read, and a later count by the Platform agreed',
  read: 'read in full, to be counted again later',
  pending: 'not read yet, and next in line',
  suspect: 'read, but the answers did not agree',
};
/** What else the drawing shows. */
const MARKS = {
  unread: ['not read', 'before the start of this source, or not polled yet'],
  frontier: ['frontier', 'everything before it is read'],
};

/**
 * A picture of event time: which spans are verified, read, pending or suspect. Zooms by buttons, keys (+ − ← → 0) and the
 * wheel (while it has the focus, or with Ctrl); drags. Returns what draws it again.
 */
export function createCoverage(container, tools) {
  const view = { source: null, length: DAY, end: null };
  let answer = { intervals: [] };
  let latest = null;
  let asked = 0;

  const picture = h('div', {
    class: 'picture',
    tabindex: '0',
    role: 'img',
    title: 'Zoom with + and −, move with ← and → or by dragging, 0 goes back',
    'data-key': 'coverage',
    onkeydown: onKey,
    onpointerdown: onDrag,
  });
  picture.addEventListener('wheel', onWheel, { passive: false });
  const summary = h('p', { class: 'summary' });
  const legend = h(
    'ul',
    { class: 'legend' },
    [
      ...Object.entries(MEANINGS).map(([word, meaning]) => [word, word, meaning]),
      ...Object.entries(MARKS).map(([swatch, [word, meaning]]) => [swatch, word, meaning]),
    ].map(([swatch, word, meaning]) =>
      h(
        'li',
        {},
        h('span', { class: `swatch ${swatch}` }),
        h('span', {}, h('strong', {}, word), ` ${meaning}`),
      ),
    ),
  );
  const rows = h('div');
  const list = h('details', { class: 'as-table' }, h('summary', {}, 'As a table'), rows);
  container.replaceChildren(summary, picture, legend, list);
  new ResizeObserver(() => paint()).observe(picture);

  function bounds() {
    const end = view.end ?? now();
    return { start: end - view.length, end };
  }

  function now() {
    return latest === null ? Date.now() : Date.parse(latest.now);
  }

  async function draw(doc) {
    latest = doc;
    const names = doc.sources.map((source) => source.name);
    if (!names.includes(view.source)) view.source = names[0] ?? null;
    drawTools(names);
    await refresh();
  }

  async function refresh() {
    if (view.source === null) return;
    const turn = (asked += 1);
    const { start, end } = bounds();
    const query = new URLSearchParams({
      source: view.source,
      from: new Date(start).toISOString(),
      to: new Date(end).toISOString(),
    });
    const given = await get(`api/coverage?${query}`);
    if (turn !== asked) return; // a newer question is under way
    answer = given;
    paint();
  }

  function drawTools(names) {
    show(tools, [names, view.source, view.length, view.end === null], () =>
      [
        names.length > 1
          ? h(
              'label',
              { class: 'choice' },
              'Source ',
              h(
                'select',
                { 'data-key': 'source', onchange: (event) => move({ source: event.target.value }) },
                names.map((name) => h('option', { value: name, selected: name === view.source }, name)),
              ),
            )
          : null,
        h(
          'span',
          { class: 'segmented' },
          RANGES.map(([label, length]) =>
            h(
              'button',
              {
                type: 'button',
                'data-key': label,
                'aria-pressed': String(view.length === length && view.end === null),
                onclick: () => move({ length, end: null }),
              },
              label,
            ),
          ),
        ),
        button('earlier', '←', 'Earlier', () => pan(-0.5)),
        button('later', '→', 'Later', () => pan(0.5), view.end === null),
        button('in', '+', 'Zoom in', () => zoom(0.5, 0.5)),
        button('out', '−', 'Zoom out', () => zoom(2, 0.5)),
      ].filter(Boolean),
    );
  }

  function button(key, label, name, onclick, disabled = false) {
    return h(
      'button',
      {
        type: 'button',
        class: 'square',
        'data-key': key,
        'aria-label': name,
        title: name,
        disabled,
        onclick,
      },
      label,
    );
  }

  function move(change) {
    Object.assign(view, change);
    if (latest !== null) drawTools(latest.sources.map((source) => source.name));
    paint();
    refresh().catch(() => {}); // the next tick tries again, and says when the daemon is gone
  }

  function pan(share) {
    const end = bounds().end + view.length * share;
    move({ end: end >= now() ? null : end });
  }

  /** `at`: the place of the picture, 0 to 1, that stays where it is. */
  function zoom(factor, at) {
    const { start } = bounds();
    const length = Math.min(Math.max(view.length * factor, LEAST), MOST);
    const end = start + view.length * at + length * (1 - at);
    move({ length, end: end >= now() - length * 0.01 ? null : end });
  }

  function onKey(event) {
    const keys = {
      '+': () => zoom(0.5, 0.5),
      '=': () => zoom(0.5, 0.5),
      '-': () => zoom(2, 0.5),
      ArrowLeft: () => pan(-0.25),
      ArrowRight: () => pan(0.25),
      0: () => move({ length: DAY, end: null }),
    };
    const action = keys[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  function onWheel(event) {
    if (document.activeElement !== picture && !event.ctrlKey) return;
    event.preventDefault();
    const box = picture.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
  }

  function onDrag(down) {
    const from = bounds().end;
    const width = picture.getBoundingClientRect().width;
    const onMove = (event) => {
      const end = from - ((event.clientX - down.clientX) / width) * view.length;
      move({ end: end >= now() ? null : end });
    };
    picture.setPointerCapture(down.pointerId);
    picture.addEventListener('pointermove', onMove);
    for (const over of ['pointerup', 'pointercancel']) {
      picture.addEventListener(over, () => picture.removeEventListener('pointermove', onMove), {
        once: true,
      });
    }
  }

  function paint() {
    const width = picture.clientWidth;
    if (width === 0) return;
    const { start, end } = bounds();
    const spans = joined(answer.intervals).filter((item) => item.end >= start && item.start <= end);
    const x = (ms) => ((Math.min(Math.max(ms, start), end) - start) / (end - start)) * width;
    const source = latest?.sources.find((item) => item.name === view.source);
    const frontier = source?.frontier ? Date.parse(source.frontier) : null;
    picture.replaceChildren(
      svg(
        'svg',
        { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, 'aria-hidden': 'true' },
        pattern(),
        svg('rect', { class: 'track', x: 0, y: BAR.top, width, height: BAR.height, rx: 6 }),
        spans.map((item) => bar(item, x)),
        ticks(start, end, width).map((tick) => axisLabel(tick, x(tick.ms), width)),
        frontier !== null && frontier >= start && frontier <= end ? frontierMark(x(frontier), width) : null,
      ),
    );
    const sentence = describe(spans, start, end);
    summary.textContent = sentence;
    picture.setAttribute(
      'aria-label',
      `Coverage from ${time(start)} to ${time(end)}. ${sentence} Keys: plus and minus zoom, arrows move, 0 resets.`,
    );
    drawRows(spans);
  }

  function drawRows(spans) {
    const pages = pagesOf('coverage', spans.toReversed(), ROWS, () => drawRows(spans));
    show(rows, pages.items, () => [asTable(pages.items), pages.more()]);
  }

  return draw;
}

/** Neighbours of one status as one span, times in milliseconds. */
function joined(intervals) {
  const spans = [];
  for (const { start, end, status, server_count: rows } of intervals) {
    const item = { start: Date.parse(start), end: Date.parse(end), status, rows };
    const last = spans.at(-1);
    if (last?.status === status && item.start - last.end <= 1000) {
      last.end = Math.max(last.end, item.end);
      last.rows = last.rows === null || rows === null ? null : last.rows + rows;
    } else spans.push(item);
  }
  return spans;
}

function bar(item, x) {
  const left = x(item.start);
  // What must not be missed is never thinner than two pixels.
  const least = item.status === 'suspect' ? 3 : 1;
  const width = Math.max(x(item.end) - left, least);
  const label = `${item.status}: ${time(item.start)} to ${time(item.end)}`;
  return svg(
    'rect',
    { class: `span ${item.status}`, x: left, y: BAR.top, width, height: BAR.height },
    svg('title', {}, label),
  );
}

/** Stripes, so that the states differ by more than colour. */
function pattern() {
  const stripes = (id, className) =>
    svg(
      'pattern',
      {
        id,
        class: className,
        width: 7,
        height: 7,
        patternUnits: 'userSpaceOnUse',
        patternTransform: 'rotate(45)',
      },
      svg('rect', { class: 'under', width: 7, height: 7 }),
      svg('rect', { class: 'over', width: 3, height: 7 }),
    );
  return svg('defs', {}, stripes('stripes-pending', 'pending'), stripes('stripes-suspect', 'suspect'));
}

function frontierMark(at, width) {
  const end = at > width - 90;
  return svg(
    'g',
    { class: 'frontier' },
    svg('line', { x1: at, x2: at, y1: 4, y2: BAR.top + BAR.height + 4 }),
    svg('text', { x: end ? at - 5 : at + 5, y: 11, 'text-anchor': end ? 'end' : 'start' }, 'frontier'),
  );
}

const STEPS = [
  MINUTE / 4,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
];

/** Round moments with room for their labels. */
export function ticks(start, end, width) {
  const room = Math.max(Math.floor(width / 92), 2);
  const step = STEPS.find((length) => (end - start) / length <= room) ?? 30 * DAY;
  const found = [];
  for (let ms = Math.ceil(start / step) * step; ms <= end; ms += step)
    found.push({ ms, label: tickLabel(ms, step) });
  return found;
}

function tickLabel(ms, step) {
  const text = time(ms);
  if (step >= DAY || ms % DAY === 0) return text.slice(5, 10);
  return step < MINUTE ? text.slice(11) : text.slice(11, 16);
}

export function axisLabel({ label }, at, width, top = BAR.top + BAR.height) {
  const anchor = at < 18 ? 'start' : at > width - 18 ? 'end' : 'middle';
  return svg(
    'g',
    { class: 'axis' },
    svg('line', { x1: at, x2: at, y1: top, y2: top + 5 }),
    svg('text', { x: at, y: top + 18, 'text-anchor': anchor }, label),
  );
}

function describe(spans, start, end) {
  const lengths = {};
  for (const item of spans) {
    const length = (Math.min(item.end, end) - Math.max(item.start, start)) / 1000;
    lengths[item.status] = (lengths[item.status] ?? 0) + Math.max(length, 0);
  }
  const parts = Object.keys(MEANINGS)
    .filter((word) => lengths[word] > 0.5)
    .map((word) => `${span(lengths[word])} ${word}`);
  const shown = `${time(start).slice(0, 16)} to ${time(end).slice(0, 16)}`;
  return parts.length === 0 ? `${shown}: nothing has been read.` : `${shown}: ${parts.join(', ')}.`;
}

function asTable(newest) {
  return table(
    'Coverage, newest first',
    ['From', 'To', 'Length', 'State', 'Events by the Platform’s count'],
    newest.map((item) => [
      time(item.start),
      time(item.end),
      span((item.end - item.start) / 1000),
      item.status,
      item.rows === null ? '' : count(item.rows),
    ]),
  );
}
