import { h, show } from './dom.js';

/** The configuration in force, with every secret masked, and the button that reads it again. */
export function drawConfiguration(container, tools, config, acts, outcome) {
  show(tools, [acts.allowed, acts.reloadable], () =>
    acts.allowed && acts.reloadable
      ? [h('button', { type: 'button', 'data-key': 'reload', onclick: acts.reload }, 'Reload the file')]
      : [],
  );
  show(container, [config, outcome], () =>
    [
      outcome === null
        ? null
        : h('p', { class: outcome.ok ? 'hint' : 'error', role: 'status' }, outcome.text),
      h('p', { class: 'hint' }, 'The configuration in force, with all defaults. Secrets are masked.'),
      h(
        'details',
        { 'data-key': 'config' },
        h('summary', {}, 'Show the configuration'),
        h('pre', { class: 'config', tabindex: '0' }, outline(config, 0)),
      ),
    ].filter(Boolean),
  );
}

/** Close to YAML, for reading. */
function outline(value, depth) {
  const pad = '  '.repeat(depth);
  if (Array.isArray(value)) {
    return value.length === 0
      ? ' []'
      : value
          .map(
            (item) =>
              `\n${pad}-${typeof item === 'object' && item !== null ? outline(item, depth + 1) : ` ${scalar(item)}`}`,
          )
          .join('');
  }
  if (typeof value === 'object' && value !== null) {
    const lines = Object.entries(value).map(
      ([key, item]) =>
        `${pad}${key}:${typeof item === 'object' && item !== null ? outline(item, depth + 1) : ` ${scalar(item)}`}`,
    );
    if (lines.length === 0) return ' {}';
    return depth === 0 ? lines.join('\n') : `\n${lines.join('\n')}`;
  }
  return scalar(value);
}

function scalar(value) {
  return typeof value === 'string' && !/^[\w./:@[\] +*-]+$/.test(value)
    ? JSON.stringify(value)
    : String(value);
}
