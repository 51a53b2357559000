/* global document, setTimeout */
import { get, lock, post, unlock, unlocked } from './api.js';
import { drawAttention } from './attention.js';
import { createCharts } from './charts.js';
import { drawConfiguration } from './configuration.js';
import { createCoverage } from './coverage.js';
import { find, say } from './dom.js';
import { createEvents } from './events.js';
import { drawLetters } from './letters.js';
import { drawPath } from './path.js';
import { clockTime, span, state } from './words.js';

const TICK_MS = 1_000;
/** Coverage, charts, dead letters, events and the configuration change more slowly than the states. */
const SLOW_TICKS = 5;

const drawCoverage = createCoverage(find('coverage'), find('coverage-tools'));
const drawCharts = createCharts(find('charts'), find('charts-tools'));
const drawEvents = createEvents(find('events'), find('events-tools'));
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
  drawVerdict();
  announce();
  drawPath(find('path'), doc);
  drawAttention(find('attention'), find('attention-list'), doc, acts());
  const button = find('unlock');
  button.hidden = !doc.access.writable;
  say(button, unlocked() ? 'Lock again' : 'Unlock changes');
  const since =
    doc.started_at === null ? '' : `up ${span((Date.parse(doc.now) - Date.parse(doc.started_at)) / 1000)}`;
  say(find('about'), [`version ${doc.version}`, since].filter(Boolean).join(' · '));
}

async function drawSlow() {
  const [letters, { config }] = await Promise.all([get('api/dead-letters?limit=50'), get('api/config')]);
  drawLetters(find('letters'), find('letters-tools'), doc, letters.dead_letters, acts());
  drawConfiguration(find('config'), find('config-tools'), config, acts(), outcome);
  await Promise.all([drawCoverage(doc), drawCharts(doc), drawEvents(doc)]);
}

/** The daemon's own verdict, in its own words: the page judges nothing. */
function drawVerdict() {
  const [tone, text] = standing();
  for (const id of ['verdict', 'standing']) find(id).dataset.tone = tone;
  say(find('verdict').lastElementChild, text);
  say(find('standing'), doc.summary);
  document.title = tone === 'bad' || tone === 'warn' ? '(!) auditferry' : 'auditferry';
}

/** The verdict and how the daemon is, in a few words. */
function standing() {
  const word = doc.verdict;
  if (doc.started_at === null) return ['bad', `${word} · no daemon is running`];
  if (doc.stopping) return ['warn', `${word} · stopping`];
  if (!doc.healthy.ok) return ['bad', `${word} · stuck: ${names(doc.healthy.reasons)}`];
  if (!doc.ready.ok) return ['bad', `${word} · not ready: ${names(doc.ready.reasons)}`];
  if (word === 'complete') return ['good', word];
  return [onlyOnTheirWay() ? 'busy' : 'warn', word];
}

/** Events that just flow are no reason to worry. */
function onlyOnTheirWay() {
  const calm = (sink) =>
    ['idle', 'working'].includes(sink.state) && sink.dead_letters + sink.pruned_before_delivery === 0;
  return doc.verdict === 'undelivered' && doc.reasons.length > 0 && doc.sinks.every(calm);
}

const names = (reasons) => [...new Set(reasons.map((reason) => reason.part))].join(', ');

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
  say(find('offline'), `${why}${last} Trying again each second.`);
  find('offline').hidden = false;
  document.body.classList.add('stale');
  for (const id of ['verdict', 'standing']) find(id).dataset.tone = 'bad';
  say(find('verdict').lastElementChild, 'No answer');
  say(find('standing'), 'Nobody knows whether everything is where it should be: the daemon does not answer.');
  document.title = '(!) auditferry';
}

/** What the visitor may do now. */
function acts() {
  return {
    writable: doc.access.writable,
    reloadable: doc.access.reloadable,
    allowed: doc.access.writable && unlocked(),
    retry: (which) => change(() => post('api/dead-letters/retry', which)),
    discard: (letter) =>
      ask(
        'Discard a dead letter',
        `It will not be delivered to ${letter.owner}. Its bytes stay in the journal as evidence.`,
        'Discard',
        (reason) => post('api/dead-letters/discard', { ids: [letter.id], reason }),
      ),
    acknowledge: (finding) =>
      ask('Acknowledge a finding', finding.summary, 'Acknowledge', (note) =>
        post('api/findings/acknowledge', { ids: [finding.id], note }),
      ),
    reload: () => change(reload),
  };
}

async function reload() {
  try {
    const { lines } = await post('api/reload', {});
    outcome = { ok: true, text: ['Reloaded.', ...lines].join('\n') };
  } catch (error) {
    outcome = { ok: false, text: `Refused; the old configuration goes on.\n${error.message}` };
  }
}

async function change(work) {
  find('problem').hidden = true;
  try {
    await work();
    say(find('announce'), 'Done.');
    doc = await get('api/status');
    drawFast();
    await drawSlow();
  } catch (error) {
    if (error.status === 401) lock();
    say(find('problem'), error.message);
    find('problem').hidden = false;
  }
}

/** Asks for a reason before something that is kept for the record. */
function ask(title, text, yes, work) {
  const dialog = find('ask-dialog');
  say(find('ask-title'), title);
  say(find('ask-text'), text);
  say(find('ask-yes'), yes);
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
