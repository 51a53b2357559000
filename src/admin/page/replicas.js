import { chip, h, show, table } from './dom.js';
import { plural, secondsUntil, span, time } from './words.js';

/** Who shares the journal and what each does. Hidden where one process has the journal to itself. */
export function drawReplicas(section, container, doc) {
  const { replicas, now } = doc;
  section.hidden = replicas.length === 0;
  const rows = replicas.map((replica) => ({ ...replica, seen_at: null, seen: seen(replica, now) }));
  show(container, rows, () => [
    h('p', { class: 'hint' }, summary(replicas)),
    table('Replicas and what each does', ['Replica', 'State', 'Does', 'Started', 'Version'], rows.map(cells)),
  ]);
}

function summary(replicas) {
  const alive = replicas.filter((replica) => replica.alive).length;
  return `${plural(alive, 'replica shares', 'replicas share')} the journal. Each takes over what another one leaves.`;
}

/** What is alive says so every few seconds, so only the silence of others is worth telling. */
const seen = ({ alive, seen_at: at }, now) =>
  alive ? null : `not heard of for ${span(Math.max(-secondsUntil(at, now), 0))}`;

const dutyWords = (duty, at, all) =>
  h('span', {}, `${duty.replace(':', ' ')}${at < all.length - 1 ? ', ' : ''}`);

function cells(replica) {
  const { name, self, alive, seen: silence, duties, started_at: started, version } = replica;
  return [
    h('span', { class: 'replica' }, name, self ? h('span', { class: 'quiet' }, ' this one') : null),
    h(
      'span',
      { class: 'chips' },
      alive
        ? chip(duties.length === 0 ? 'quiet' : 'good', duties.length === 0 ? 'on standby' : 'at work')
        : chip('warn', silence),
      replica.same_configuration ? null : chip('warn', 'another configuration'),
    ),
    h('span', { class: 'duties' }, duties.length === 0 ? 'nothing' : duties.map(dutyWords)),
    time(started),
    version,
  ];
}
