/* global document, Node, CSS */
/**
 * Builds the page. Text goes in as text nodes and nothing else: what an event says can never become an element.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** An element. Attributes whose value is null or false are left out; `on…` are listeners. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for drawings. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export const find = (id) => document.getElementById(id);

const shown = new WeakMap();

/**
 * Replaces what a container holds, but only when `data` differs from last time: a page that is rebuilt each second would take
 * the focus and the selection away. The element with the focus is found again by its data-key.
 */
export function show(container, data, build) {
  const key = JSON.stringify(data);
  if (shown.get(container) === key) return;
  shown.set(container, key);
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const open = new Set(
    [...container.querySelectorAll('details[open][data-key]')].map((item) => item.dataset.key),
  );
  container.replaceChildren(...[build()].flat(2).filter((child) => child !== null));
  for (const item of container.querySelectorAll('details[data-key]')) item.open = open.has(item.dataset.key);
  if (focused !== undefined) container.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** Sets a text only when it changed, so that screen readers do not repeat it. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const button = (attributes, ...children) =>
  h('button', { type: 'button', ...attributes }, ...children);

/** A word for a state, with a mark that differs by more than its colour. */
export const chip = (tone, word) =>
  h('span', { class: 'chip', 'data-tone': tone }, h('span', { class: 'dot' }), word);

/** A table with a caption for those who do not see the drawing. */
export function table(caption, heads, rows) {
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          heads.map((head) => h('th', { scope: 'col' }, head)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((cells) =>
          h(
            'tr',
            {},
            cells.map((cell) => h('td', {}, cell)),
          ),
        ),
      ),
    ),
  );
}
