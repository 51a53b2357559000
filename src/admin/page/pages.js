import { button } from './dom.js';
import { count } from './words.js';

/** How many items of a list are shown, by the name of the list. */
const shown = new Map();

/**
 * The first items of a list, and a button for more of them. `name`: of the list, which keeps its place while it is drawn again.
 * `items` and `shown` belong into the data that `show` compares.
 */
export function pagesOf(name, list, size, redraw) {
  const most = shown.get(name) ?? size;
  const left = list.length - most;
  return {
    items: list.slice(0, most),
    more: () =>
      left <= 0
        ? null
        : button(
            {
              class: 'more',
              'data-key': `more-${name}`,
              onclick: () => {
                shown.set(name, most + size);
                redraw();
              },
            },
            `Show ${count(Math.min(size, left))} more of ${count(list.length)}`,
          ),
  };
}
