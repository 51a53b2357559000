/* global ResizeObserver */
import { get } from './api.js';
import { axisLabel, ticks } from './coverage.js';
import { h, show, svg, table } from './dom.js';
import { count, span, time } from './words.js';

const MINUTE = 60_000;
const HEIGHT = 190;
const PLOT = { top: 12, left: 62, bottom: 28 };
const RANGES = [
  ['30 min', 30],
  ['2 h', 120],
  ['6 h', 360],
];
const ROWS = 60;

/** Two charts, events per minute and visibility lag, since the daemon started. Returns what draws them again. */
export function createCharts(container, tools) {
  let length = 120;
  let minutes = [];
  let latest = null;
  const flow = figure('Events per minute');
  const lag = figure('Visibility lag');
  container.replaceChildren(flow.element, lag.element);
  new ResizeObserver(() => paint()).observe(container);

  async function draw(doc) {
    latest = doc;
    drawTools();
    ({ minutes } = await get(`api/series?minutes=${length}`));
    paint();
  }

  function drawTools() {
    show(tools, length, () =>
      h(
        'span',
        { class: 'segmented' },
        RANGES.map(([label, value]) =>
          h(
            'button',
            {
              type: 'button',
              'data-key': label,
              'aria-pressed': String(value === length),
              onclick: () => choose(value),
            },
            label,
          ),
        ),
      ),
    );
  }

  function choose(value) {
    length = value;
    draw(latest).catch(() => {}); // the next tick tries again, and says when the daemon is gone
  }

  function paint() {
    if (latest === null) return;
    const end = Math.floor(Date.parse(latest.now) / MINUTE) * MINUTE + MINUTE;
    const range = { start: end - length * MINUTE, end };
    const points = minutes.map((minute) => ({
      ms: Date.parse(minute.at),
      read: total(minute.appended),
      settled: minute.settled,
      lag: minute.visibility_lag_seconds,
    }));
    const sinks = latest.sinks.map((sink) => sink.name);
    paintFlow(flow, points, sinks, range);
    paintLag(lag, points, range);
  }

  return draw;
}

function figure(title) {
  const plot = h('div', { class: 'plot', role: 'img' });
  const note = h('p', { class: 'summary' });
  const legend = h('ul', { class: 'legend' });
  const rows = h('div');
  const element = h(
    'figure',
    { class: 'panel' },
    h('h3', {}, title),
    note,
    plot,
    legend,
    h('details', { class: 'as-table' }, h('summary', {}, 'As a table'), rows),
  );
  return { element, plot, note, legend, rows, title };
}

function total(byName) {
  return Object.values(byName).reduce((sum, value) => sum + value, 0);
}

/** More lines than this cannot be told apart: then the two that say most are drawn, and the table has them all. */
const LINES_MOST = 4;

function linesOf(sinks) {
  if (sinks.length <= LINES_MOST)
    return sinks.map((name) => ({ label: `settled by ${name}`, value: (point) => point.settled[name] ?? 0 }));
  const all = (point) => sinks.map((name) => point.settled[name] ?? 0);
  return [
    { label: 'settled by the busiest sink', value: (point) => Math.max(...all(point)) },
    { label: 'settled by the slowest sink', value: (point) => Math.min(...all(point)) },
  ];
}

function paintFlow(place, points, sinks, range) {
  const drawn = linesOf(sinks);
  const most = Math.max(
    4,
    ...points.map((point) => Math.max(point.read, ...drawn.map(({ value }) => value(point)))),
  );
  const scale = scaleFor(place.plot, range, niceCeiling(most));
  const width = Math.max(scale.x(range.start + MINUTE) - scale.x(range.start) - 1, 1);
  const bars = points.map((point) =>
    svg(
      'rect',
      {
        class: 'bar',
        x: scale.x(point.ms),
        y: scale.y(point.read),
        width,
        height: Math.max(scale.bottom - scale.y(point.read), 0),
      },
      svg('title', {}, `${time(point.ms).slice(11, 16)}: ${count(point.read)} read`),
    ),
  );
  // The running minute would always look like a fall.
  const whole = points.filter((point) => point.ms + MINUTE < range.end);
  const lines = drawn.map(({ value }, index) =>
    path(
      whole.map((point) => ({ ms: point.ms, value: value(point) })),
      scale,
      `line sink-${index}`,
    ),
  );
  draw(place, scale, range, (value) => count(value), [bars, lines]);
  const settled = whole.at(-1);
  const text =
    settled === undefined
      ? 'Nothing has been measured yet. Measuring starts with the daemon.'
      : `Last whole minute: ${count(settled.read)} read, ${drawn.map(({ label, value }) => `${count(value(settled))} ${label}`).join(', ')}.`;
  describe(place, text);
  show(place.legend, sinks, () => [
    h('li', {}, h('span', { class: 'swatch bar' }), 'read into the journal'),
    ...drawn.map(({ label }, index) => h('li', {}, h('span', { class: `swatch sink-${index}` }), label)),
  ]);
  show(place.rows, points.slice(-ROWS), () =>
    table(
      'Events per minute, newest first',
      ['Minute', 'Read', ...sinks],
      points
        .slice(-ROWS)
        .reverse()
        .map((point) => [
          time(point.ms).slice(0, 16),
          count(point.read),
          ...sinks.map((name) => count(point.settled[name] ?? 0)),
        ]),
    ),
  );
}

function paintLag(place, points, range) {
  const known = points.filter((point) => point.lag !== null);
  const scale = scaleFor(place.plot, range, niceCeiling(Math.max(10, ...known.map((point) => point.lag))));
  const half = MINUTE / 2;
  const dots = known.map((point) =>
    svg(
      'circle',
      { class: 'dot-lag', cx: scale.x(point.ms + half), cy: scale.y(point.lag), r: 2.5 },
      svg('title', {}, `${time(point.ms).slice(11, 16)}: ${span(point.lag)}`),
    ),
  );
  const line = path(
    known.map((point) => ({ ms: point.ms, value: point.lag })),
    scale,
    'line lag',
  );
  draw(place, scale, range, (value) => span(value), [line, dots]);
  const newest = known.at(-1);
  describe(
    place,
    newest === undefined
      ? 'No new event since the daemon started.'
      : `Newest: ${span(newest.lag)} from an event happening to the Platform showing it.`,
  );
  show(place.rows, known.slice(-ROWS), () =>
    table(
      'Visibility lag, newest first',
      ['Minute', 'Lag'],
      known
        .slice(-ROWS)
        .reverse()
        .map((point) => [time(point.ms).slice(0, 16), span(point.lag)]),
    ),
  );
}

function describe(place, text) {
  place.note.textContent = text;
  place.plot.setAttribute('aria-label', `${place.title}. ${text}`);
}

function scaleFor(plot, range, most) {
  const width = Math.max(plot.clientWidth, 200);
  const bottom = HEIGHT - PLOT.bottom;
  return {
    width,
    bottom,
    most,
    x: (ms) =>
      PLOT.left +
      ((Math.max(ms, range.start) - range.start) / (range.end - range.start)) * (width - PLOT.left),
    y: (value) => bottom - (value / most) * (bottom - PLOT.top),
  };
}

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function path(points, scale, className) {
  if (points.length === 0) return null;
  const half = MINUTE / 2;
  const steps = points.map((point, index) => {
    const broken = index === 0 || point.ms - points[index - 1].ms > 5 * MINUTE;
    return `${broken ? 'M' : 'L'}${scale.x(point.ms + half).toFixed(1)} ${scale.y(point.value).toFixed(1)}`;
  });
  return svg('path', { class: className, d: steps.join(' ') });
}

function draw(place, scale, range, word, marks) {
  const levels = [0, 0.5, 1].map((share) => share * scale.most);
  place.plot.replaceChildren(
    svg(
      'svg',
      { width: scale.width, height: HEIGHT, viewBox: `0 0 ${scale.width} ${HEIGHT}`, 'aria-hidden': 'true' },
      levels.map((value) =>
        svg(
          'g',
          { class: 'grid' },
          svg('line', { x1: PLOT.left, x2: scale.width, y1: scale.y(value), y2: scale.y(value) }),
          svg('text', { x: PLOT.left - 8, y: scale.y(value) + 4, 'text-anchor': 'end' }, word(value)),
        ),
      ),
      ...marks,
      ticks(range.start, range.end, scale.width - PLOT.left).map((tick) =>
        axisLabel(tick, scale.x(tick.ms), scale.width, scale.bottom),
      ),
    ),
  );
}
