/* global document, setTimeout */
import { get, lock, post, unlock, unlocked } from './api.js';
import { drawAnswers } from './answers.js';
import { drawAttention } from './attention.js';
import { createCharts } from './charts.js';
import { drawConfiguration } from './configuration.js';
import { createCoverage } from './coverage.js';
import { find, say } from './dom.js';
import { createEvents } from './events.js';
import { createLetters } from './letters.js';
import { drawPath } from './path.js';
import { drawReplicas } from './replicas.js';
import { clockTime, count, plural, span, state } from './words.js';

const TICK_MS = 1_000;
/** Coverage, charts, dead letters, events and the configuration change more slowly than the states. */
const SLOW_TICKS = 5;

const drawCoverage = createCoverage(find('coverage'), find('coverage-tools'));
const drawCharts = createCharts(find('charts'), find('charts-tools'));
const drawEvents = createEvents(find('events'), find('events-form'), find('events-tools'));
const drawLetters = createLetters(find('letters'), find('letters-tools'));
let ticks = 0;
let answered = null;
let doc = null;
let outcome = null;
let states = new Map();

async function tick() {
  try {
    doc = await get('api/status');
    answered = new Date();
    find('offline').hidden = true;
    document.body.classList.remove('stale');
    drawFast();
    if (ticks % SLOW_TICKS === 0) await drawSlow();
    ticks += 1;
  } catch (error) {
    // A fault of the page itself must show too, and not look like a calm daemon.
    drawOffline(error.status === undefined ? `This page failed: ${error.message}` : error.message);
    ticks = 0;
  }
  setTimeout(tick, TICK_MS);
}

function drawFast() {
  const tone = drawAnswers(doc);
  document.title = tone === 'bad' || tone === 'warn' ? '(!) auditferry' : 'auditferry';
  announce();
  drawPath(find('path'), doc);
  drawReplicas(find('replicas-section'), find('replicas'), doc);
  drawAttention(find('attention'), find('attention-list'), doc, acts());
  const lockButton = find('unlock');
  lockButton.hidden = !doc.access.writable;
  say(lockButton, unlocked() ? 'Lock again' : 'Unlock changes');
  const since =
    doc.started_at === null ? '' : `up ${span((Date.parse(doc.now) - Date.parse(doc.started_at)) / 1000)}`;
  say(find('about'), [`version ${doc.version}`, since].filter(Boolean).join(' · '));
}

async function drawSlow() {
  const { config } = await get('api/config');
  drawConfiguration(find('config'), find('config-tools'), config, acts(), outcome);
  await Promise.all([drawCoverage(doc), drawCharts(doc), drawEvents(doc), drawLetters(doc, acts())]);
}

/** Tells screen readers about changes that matter, and only those. */
function announce() {
  const now = new Map([...doc.sources, ...doc.sinks].map((part) => [part.name, state(part.state)]));
  const changes = [];
  for (const [name, { word, tone }] of now) {
    const before = states.get(name);
    const matters = tone === 'bad' || tone === 'warn' || before?.tone === 'bad' || before?.tone === 'warn';
    if (before !== undefined && before.word !== word && matters) changes.push(`${name} is ${word}`);
  }
  states = now;
  if (changes.length > 0) say(find('announce'), `${changes.join('. ')}.`);
}

function drawOffline(why) {
  const last = answered === null ? '' : ` What you see is from ${clockTime(answered)} UTC.`;
  say(find('offline'), `${why}${last} Trying again every second.`);
  find('offline').hidden = false;
  document.body.classList.add('stale');
  find('answers').dataset.tone = 'bad';
  say(find('answer-word'), 'Unknown');
  say(
    find('standing'),
    'The daemon does not answer, so it is not known whether everything is where it should be.',
  );
  document.title = '(!) auditferry';
}

/** What the visitor may do now. */
function acts() {
  return {
    writable: doc.access.writable,
    reloadable: doc.access.reloadable,
    allowed: doc.access.writable && unlocked(),
    retry: (which) => change(() => post('api/dead-letters/retry', which)),
    discard: (which, number) =>
      ask({
        title: `Discard ${plural(number, 'dead letter')}`,
        text: `This cannot be undone: ${number === 1 ? 'it' : 'they'} will not be delivered. The bytes stay in the journal as evidence.`,
        yes: `Discard ${count(number)}`,
        danger: true,
        work: (reason) => post('api/dead-letters/discard', { ...which, reason }),
      }),
    acknowledge: ({ finding_ids: ids, cause }) =>
      ask({
        title: ids.length === 1 ? 'Acknowledge a finding' : `Acknowledge ${ids.length} findings`,
        text: cause,
        yes: 'Acknowledge',
        danger: false,
        work: (note) => post('api/findings/acknowledge', { ids, note }),
      }),
    attempt,
    reload: () => change(reload),
  };
}

async function reload() {
  try {
    const { lines } = await post('api/reload', {});
    outcome = { ok: true, text: ['Reloaded.', ...lines].join('\n') };
  } catch (error) {
    outcome = { ok: false, text: `Refused: the old configuration stays in force.\n${error.message}` };
  }
}

const change = (work) =>
  attempt(async () => {
    await work();
    say(find('announce'), 'Done.');
    doc = await get('api/status');
    drawFast();
    await drawSlow();
  });

/** Shows at the top of the page what went wrong. */
async function attempt(work) {
  find('problem').hidden = true;
  try {
    await work();
  } catch (error) {
    if (error.status === 401) lock();
    say(find('problem'), error.message);
    find('problem').hidden = false;
  }
}

/** Asks for a reason before something that is kept for the record. */
function ask({ title, text, yes, danger, work }) {
  const dialog = find('ask-dialog');
  say(find('ask-title'), title);
  say(find('ask-text'), text);
  say(find('ask-yes'), yes);
  find('ask-yes').className = danger ? 'danger strong' : 'strong';
  say(find('ask-error'), '');
  find('ask-note').value = '';
  find('ask-form').onsubmit = async (event) => {
    event.preventDefault();
    try {
      await work(find('ask-note').value);
      dialog.close();
      await change(async () => {});
    } catch (error) {
      say(find('ask-error'), error.message);
    }
  };
  dialog.showModal();
}

find('ask-cancel').onclick = () => find('ask-dialog').close();
find('token-cancel').onclick = () => find('token-dialog').close();
find('token-dialog').onclose = () => {
  find('token').value = '';
};
find('unlock').onclick = () => {
  if (!unlocked()) return find('token-dialog').showModal();
  lock();
  return change(async () => {});
};
find('token-form').onsubmit = async (event) => {
  event.preventDefault();
  try {
    await unlock(find('token').value);
    say(find('token-error'), '');
    find('token-dialog').close();
    await change(async () => {});
  } catch (error) {
    say(find('token-error'), error.status === 401 ? 'This is not the token.' : error.message);
  }
};

void tick();
