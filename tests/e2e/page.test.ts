import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { startAdmin } from '../../src/admin/server.ts';
import type { Admin } from '../../src/admin/server.ts';
import type { Replica } from '../../src/checkpoint/journal.ts';
import { wallClock } from '../../src/model/clock.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { aFinding, aLetter, anEvent, aReplica, createRoom, keptHeartbeats, TOKEN } from '../admin/room.ts';
import type { Room, RoomOptions } from '../admin/room.ts';

/** What the functions that run inside the page see there; the tests' own types know no browser. */
declare const document: {
  readonly activeElement: PageElement | null;
  readonly body: PageElement;
  readonly cookie: string;
  readonly documentElement: PageElement;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): ArrayLike<PageElement>;
};
declare const window: object;
declare function getComputedStyle(element: PageElement): { readonly outlineStyle: string };

interface PageElement {
  readonly id: string;
  readonly textContent: string;
  readonly scrollWidth: number;
  readonly clientWidth: number;
  getBoundingClientRect(): { readonly top: number };
}

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What the page promises: a sink that stops answering is seen within two seconds. */
const SEEN_WITHIN_MS = 2_000;
const HOSTILE = '</pre><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

function installed(): boolean {
  if (existsSync(CHROMIUM)) return true;
  const sentence = `the browser test needs ${CHROMIUM}: apt-get install chromium`;
  if (process.env['REQUIRE_RECEIVERS'] === '1') throw new Error(sentence);
  process.stderr.write(`skipped: ${sentence}\n`);
  return false;
}

describe.runIf(installed())('the status page in a browser', () => {
  let browser: Browser;
  const closing: (() => Promise<void>)[] = [];
  /** Whatever the page complains about, and whatever it asks of others. */
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  });

  afterAll(async () => {
    await browser.close();
  });

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    complaints.splice(0);
  });

  async function open(
    options: RoomOptions,
    arrange: (room: Room) => void,
    viewport = { width: 1280, height: 900 },
  ): Promise<{ room: Room; admin: Admin; page: Page }> {
    const room = createRoom({ now: Date.now(), ...options });
    arrange(room);
    const admin = await startAdmin({ ...room.options, clock: wallClock });
    const context = await browser.newContext({ viewport });
    const page = await context.newPage();
    closing.push(
      () => admin.close(),
      () => context.close(),
    );
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(admin.url)) complaints.push(`asked elsewhere: ${request.url()}`);
    });
    page.on('console', (entry) => {
      if (/Content Security Policy|Trusted/i.test(entry.text())) complaints.push(entry.text());
    });
    await page.goto(admin.url);
    await page.waitForSelector('#path .card');
    return { room, admin, page };
  }

  it('shows a sink that stops answering within two seconds, and its recovery', async () => {
    const { room, page } = await open({}, () => {});
    const complete = page.getByText(/^As of the last count/);
    await complete.waitFor();
    enterState(room.splunk, 'held', Date.now(), {
      reason: '403 invalid token',
      hint: 'create a new token',
      nextTryMs: Date.now() + 60_000,
    });
    const held = page.locator('#attention-list li');
    await held.getByText('403 invalid token').waitFor({ timeout: SEEN_WITHIN_MS });
    const text = await held.innerText();
    expect(text).toContain('Create a new token');
    expect(text).toMatch(/Next try in \d/);
    expect(await page.locator('#announce').textContent()).toBe('splunk is held.');
    expect(await page.title()).toBe('(!) auditferry');
    enterState(room.splunk, 'idle', Date.now());
    await page.locator('#answers[data-tone="good"]').waitFor({ timeout: SEEN_WITHIN_MS });
    expect(await page.locator('#attention').isVisible()).toBe(false);
    expect(await page.locator('#announce').textContent()).toBe('splunk is idle.');
    expect(complaints).toEqual([]);
  });

  it('begins with the verdict, which is never green while something is left', async () => {
    const { room, page } = await open({}, (its) => {
      its.source.lastPollMs = Date.now();
      its.letters.push(
        ...Array.from({ length: 131 }, (_, id) => aLetter(id + 1, anEvent(1, Date.now()), 'refused')),
      );
    });
    const answers = page.locator('main > :first-child');
    await page.getByText(/^Sink splunk: 131 dead letters\./).waitFor();
    expect(await answers.getAttribute('data-tone')).toBe('warn');
    expect(await page.locator('#answer-word').innerText()).toBe('Not yet');
    expect(await page.locator('#todo').innerText()).toMatch(
      /^1 warning\n+splunk: 131 events cannot be delivered/,
    );
    expect(await page.locator('#fresh').innerText()).toMatch(/Everything before .* is read\.\n+Last poll/);
    room.letters.splice(0);
    await page.locator('#answers[data-tone="good"]').waitFor({ timeout: SEEN_WITHIN_MS });
    expect(await page.locator('#answer-word').innerText()).toBe('Yes');
    expect(await page.locator('#todo').innerText()).toBe('Nothing');
    room.findings.push(aFinding(1, 'fewer'));
    await page.getByText(/^1 finding/).waitFor({ timeout: SEEN_WITHIN_MS });
    expect(await page.locator('#answer-word').innerText()).toBe('No');
    expect(await page.title()).toBe('(!) auditferry');
    expect(complaints).toEqual([]);
  });

  it('lists what needs attention worst first, counts all of it, and pages it', async () => {
    const { room, page } = await open({}, (its) => {
      for (let id = 1; id <= 12; id += 1)
        its.findings.push({ ...aFinding(id, `kind ${id}`), kind: `kind_${id}` });
      enterState(its.splunk, 'held', Date.now(), { reason: '403 invalid token' });
    });
    const items = page.locator('#attention-list > li[data-tone]');
    await page.getByText('Show 5 more of 13').waitFor();
    expect(await items.count()).toBe(8);
    expect(await items.first().innerText()).toMatch(/^403 invalid token/);
    expect(await page.locator('#todo .answer').innerText()).toBe('1 critical, 12 warnings');
    await page.getByText('Show 5 more of 13').click();
    expect(await items.count()).toBe(13);
    enterState(room.elastic, 'held', Date.now(), { reason: '403 invalid token' });
    await page.getByText('splunk, elastic: held').waitFor({ timeout: SEEN_WITHIN_MS });
    expect(await items.count()).toBe(13);
    expect(complaints).toEqual([]);
  });

  it('tells what nobody could classify and what was redacted, and is quiet where there is neither', async () => {
    const { page } = await open({}, (room) => {
      Object.assign(room.splunk, { unclassified: 1, redactedValues: 1200 });
    });
    const figures = (sink: string): Promise<string> =>
      page.locator(`article[aria-label^="Sink ${sink}"] dl`).innerText();
    expect(await figures('splunk')).toMatch(/unclassified\s*1 event\s*redacted\s*1,200 values/i);
    expect(await figures('elastic')).not.toMatch(/unclassified|redacted/i);
    expect(complaints).toEqual([]);
  });

  it('shows what events say as text, whatever they say', async () => {
    const { page } = await open({}, (room) => {
      const event = anEvent(1, Date.now(), {
        note: HOSTILE,
        entity_display_name: HOSTILE,
        user: { email: HOSTILE },
      });
      room.events.push({ ...event, id: HOSTILE, createdAt: HOSTILE });
      room.letters.push(aLetter(1, { ...event, id: HOSTILE }, HOSTILE));
      room.findings.push(aFinding(1, HOSTILE));
      enterState(room.splunk, 'held', Date.now(), { reason: HOSTILE, hint: HOSTILE });
    });
    await page.locator('table.events tbody tr').click();
    const formats = page.getByRole('group', { name: 'Format' });
    for (const [format, word] of [
      ['cef', 'CEF:0'],
      ['raw', 'created_at'],
    ] as const) {
      await formats.getByRole('button', { name: format }).click();
      expect(await page.locator('#event-body pre').textContent()).toContain(word);
    }
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('#letters').getByRole('button', { name: 'Show', exact: true }).click();
    await page.locator('.letters.inner li').waitFor();
    for (const details of await page.locator('details').all())
      await details.locator('summary').first().click();
    expect(await page.locator('#letters .why').first().textContent()).toBe(HOSTILE);
    expect(await page.locator('main img, main script, dialog img, dialog script').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(complaints).toEqual([]);
  });

  it('shows who holds what among replicas, who is silent and who differs', async () => {
    const { room, page } = await open({}, (its) => {
      its.replicas = replicasOf(Date.now());
    });
    const section = page.getByRole('region', { name: 'Replicas', exact: true });
    const rows = section.locator('tbody tr');
    await rows.first().waitFor();
    const told = async (): Promise<readonly string[]> =>
      (await rows.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' '));
    expect(await told()).toEqual([
      expect.stringMatching(/^ferry-0\/1 this one at work source platform, upkeep /),
      expect.stringMatching(/^ferry-1\/1 at work another configuration sink splunk, sink elastic /),
      expect.stringMatching(/^ferry-2\/1 on standby nothing /),
      expect.stringMatching(/^ferry-3\/1 not heard of for 40 min nothing /),
    ]);
    expect(await section.locator('.hint').innerText()).toMatch(/^3 replicas share the journal\./);
    await page.getByText('The configuration differs from that of ferry-1/1.').first().waitFor();
    // A takeover shows by itself.
    room.replicas = room.replicas.map((one) =>
      one.name === 'ferry-2/1' ? { ...one, duties: ['sink:elastic'] } : { ...one, fingerprint: 'same' },
    );
    await section.getByText('sink elastic', { exact: true }).waitFor({ timeout: SEEN_WITHIN_MS });
    await page.locator('#answers[data-tone="good"]').waitFor({ timeout: SEEN_WITHIN_MS });
    room.replicas = [];
    await section.waitFor({ state: 'hidden', timeout: SEEN_WITHIN_MS });
    expect(complaints).toEqual([]);
  });

  it('says that the journal cannot be reached, and goes on when it can', async () => {
    const { room, page } = await open({}, () => {});
    room.fault = new ForwardError('transient', 'the database db:5432/audit cannot be reached');
    await page.locator('#offline').getByText('db:5432/audit cannot be reached').waitFor();
    expect(await page.locator('#answer-word').innerText()).toBe('Unknown');
    room.fault = null;
    await page.locator('#answers[data-tone="good"]').waitFor();
    expect(complaints).toEqual([]);
  });

  it('finds an event among many and shows where it has got to', async () => {
    const { room, page } = await open({}, (its) => {
      for (let seq = 1; seq <= 400; seq += 1)
        its.events.push(
          anEvent(seq, Date.now() - (400 - seq) * 1_000, {
            user: { email: `p${seq % 7}@acme.example` },
            is_success: seq % 100 !== 0,
            entity_display_name: `sync ${seq}`,
          }),
        );
      its.splunk.cursor = 400n;
      its.letters.push({ ...aLetter(1, its.events[2] as AuditEvent, 'no such field'), owner: 'elastic' });
      its.elastic.cursor = 200n;
    });
    const rows = page.locator('table.events tbody tr');
    await page.getByText('sync 400', { exact: true }).waitFor();
    expect(await rows.count()).toBe(25);
    const search = async (fill: () => Promise<unknown>): Promise<string> => {
      await fill();
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByText(/found among/).waitFor();
      return page.locator('#events').innerText();
    };
    expect(await search(() => page.getByLabel('Outcome').selectOption('failure'))).toMatch(
      /4 found among all 400/,
    );
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('Updated every few seconds.').waitFor();
    const id = room.events[2]?.id ?? '';
    expect(await search(() => page.getByLabel('Id or text').fill(id))).toMatch(/1 found among all 400/);
    await rows.first().getByRole('button').click();
    const journey = page.locator('.journey');
    await journey.waitFor();
    const steps = await journey.locator('li').allInnerTexts();
    expect(steps.map((text) => text.replaceAll(/\s+/g, ' '))).toEqual([
      expect.stringMatching(/^happened on the Platform \(platform\)/),
      expect.stringMatching(/^journaled as number 3/),
      expect.stringMatching(/^delivered splunk \(splunk_hec\)/),
      expect.stringMatching(/^dead letter elastic \(elasticsearch\) .*open: no such field/),
    ]);
    await page.keyboard.press('Escape');
    expect(await page.locator('#event-dialog').isVisible()).toBe(false);
    expect(complaints).toEqual([]);
  });

  it('tells that an id which is nowhere in the journal was never seen', async () => {
    const { page } = await open({}, (room) => {
      room.events.push(anEvent(1, Date.now()));
    });
    await page.getByLabel('Id or text').fill('aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee');
    await page.keyboard.press('Enter');
    await page.getByText('The journal has never seen an event of this id.').waitFor();
    expect(complaints).toEqual([]);
  });

  it('groups dead letters by reason, and exports and retries a group', async () => {
    const { room, page } = await open({ token: true }, (its) => {
      for (let id = 1; id <= 60; id += 1)
        its.letters.push(
          aLetter(id, anEvent(id, Date.now()), id % 3 === 0 ? `takes ${id} bytes` : 'no such field "x"'),
        );
    });
    await page.getByRole('button', { name: 'Unlock changes' }).click();
    await page.getByLabel('Token').fill(TOKEN);
    await page.keyboard.press('Enter');
    const group = page.locator('#letters .letters > li').filter({ hasText: '40 events of splunk' });
    await group.waitFor();
    expect(await page.locator('#letters .letters > li').count()).toBe(2);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      group.getByRole('button', { name: /^Export/ }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('dead-letters-splunk.ndjson');
    await group.getByRole('button', { name: 'Show', exact: true }).click();
    await group.getByText('Show more (20 left)').click();
    await page.waitForFunction(() => document.querySelectorAll('.letters.inner > li').length === 40);
    await group.getByRole('button', { name: 'Retry 40 events of splunk' }).click();
    await page.waitForFunction(() => document.querySelector('#announce')?.textContent === 'Done.');
    expect(room.asked).toMatchObject([{ what: 'retry', with: { limit: 40 } }]);
    expect(complaints).toEqual([]);
  });

  it('says clearly when the daemon no longer answers', async () => {
    const { admin, page } = await open({}, () => {});
    await admin.close();
    await page.getByRole('alert').getByText('does not answer').waitFor({ timeout: 5_000 });
    expect(await page.locator('#answer-word').innerText()).toBe('Unknown');
    expect(await page.locator('#offline').innerText()).toMatch(/from \d\d:\d\d:\d\d UTC/);
  });

  it('changes nothing until the token is entered, and then what was asked', async () => {
    const { room, page } = await open({ token: true }, (its) => {
      its.letters.push(aLetter(7, anEvent(1, Date.now()), 'refused'));
    });
    await page.getByText('unlock changes at the top').waitFor();
    expect(await page.getByRole('button', { name: /Retry|Discard/ }).count()).toBe(0);
    await page.getByRole('button', { name: 'Unlock changes' }).click();
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('This is not the token.').waitFor();
    await page.getByLabel('Token').fill(TOKEN);
    await page.keyboard.press('Enter');
    const discard = page.getByRole('button', { name: /^Discard/ });
    expect(await discard.getAttribute('class')).toBe('danger');
    await discard.click();
    await page.getByLabel('Why').fill('a test event');
    await page.keyboard.press('Enter');
    await page.getByText('None: no event was refused for good.').waitFor();
    expect(room.asked).toEqual([
      { what: 'discard', with: { filter: { ids: [7n], limit: 1 }, reason: 'a test event' } },
    ]);
    // The token is nowhere but in memory: a reload forgets it.
    const stored = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
    expect(stored).toEqual([0, 0, '']);
    await page.reload();
    await page.getByRole('button', { name: 'Unlock changes' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('zooms the coverage by keys, buttons and wheel, and has it as a table too', async () => {
    const { page } = await open({}, (room) => {
      const now = Date.now();
      const at = (minutes: number): bigint => msToNs(now - minutes * 60_000);
      room.coverage = [
        { startNs: at(900), endNs: at(300), status: 'verified', serverCount: 12, readAt: '' },
        { startNs: at(300), endNs: at(240), status: 'suspect', serverCount: null, readAt: '' },
        { startNs: at(240), endNs: at(0), status: 'read', serverCount: null, readAt: '' },
      ];
    });
    const picture = page.locator('#coverage .picture');
    const summary = page.locator('#coverage .summary');
    await page.waitForSelector('.span.suspect');
    expect(await summary.innerText()).toMatch(/10 h verified, 4 h read, 60 min suspect/);
    expect(await picture.getAttribute('aria-label')).toContain('10 h verified');
    const shown = async (change: () => Promise<void>): Promise<string> => {
      const before = await summary.innerText();
      await change();
      await page.waitForFunction(
        (old) => document.querySelector('#coverage .summary')?.textContent !== old,
        before,
      );
      return summary.innerText();
    };
    await picture.focus();
    expect(await shown(() => page.keyboard.press('+'))).not.toContain('10 h verified');
    await shown(() => page.keyboard.press('ArrowLeft'));
    await shown(() => page.keyboard.press('0'));
    await shown(() => page.getByRole('button', { name: '1 h' }).click());
    expect(await summary.innerText()).toMatch(/: 60 min read\.$/);
    await shown(() => page.getByRole('button', { name: 'Zoom out' }).click());
    await picture.focus();
    await picture.hover();
    await shown(() => page.mouse.wheel(0, 100));
    await shown(() => page.getByRole('button', { name: '24 h' }).click());
    await page.locator('#coverage summary').click();
    expect(await page.locator('#coverage tbody tr').count()).toBe(3);
    for (const word of ['verified', 'read', 'pending', 'suspect', 'not read', 'frontier'])
      expect(await page.locator('#coverage .legend').getByText(word, { exact: true }).count(), word).toBe(1);
    expect(complaints).toEqual([]);
  });

  it('can be used by keyboard and read by headings and landmarks', async () => {
    const { page } = await open({ token: true }, () => {});
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('unlock');
    expect(
      await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle),
    ).not.toBe('none');
    for (const landmark of ['banner', 'main', 'contentinfo'] as const) {
      expect(await page.getByRole(landmark).count(), landmark).toBe(1);
    }
    for (const name of [
      'Is everything where it should be?',
      'What is there to do?',
      'How fresh is it?',
      'Pipeline',
      'Events',
      'Dead letters',
      'Coverage',
      'Throughput',
      'Configuration',
    ]) {
      expect(await page.getByRole('region', { name, exact: true }).count(), name).toBe(1);
    }
    // A tick must not take the focus away.
    await page.getByRole('button', { name: '7 d' }).focus();
    const asked = page.waitForResponse((response) => response.url().endsWith('/api/config'));
    await asked;
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('7 d');
  });

  it('fits a narrow screen', async () => {
    const { page } = await open(
      {},
      (room) => {
        room.events.push(
          anEvent(1, Date.now(), { long: 'x'.repeat(3_000), user: { email: 'w'.repeat(300) } }),
        );
        room.letters.push(aLetter(1, anEvent(1, Date.now()), 'y'.repeat(500)));
        enterState(room.splunk, 'held', Date.now(), { reason: 'z'.repeat(500) });
      },
      { width: 340, height: 700 },
    );
    await page.waitForSelector('.letters li');
    await page.waitForSelector('table.events tbody tr');
    expect(await overflowOf(page)).toBe(0);
  });

  it.each([
    ['a desktop', { width: 1280, height: 900 }],
    ['a desktop at 200 % zoom', { width: 640, height: 450 }],
    ['a phone', { width: 390, height: 844 }],
  ])('draws twelve sinks, aligned at the top, on %s', async (_, viewport) => {
    const { page } = await open({ sinks: 12 }, (room) => busy(room), viewport);
    await page.waitForSelector('.events tbody tr');
    expect(await page.locator('#path .to .card').count()).toBe(12);
    expect(await overflowOf(page)).toBe(0);
    const tops = await page.evaluate(() =>
      ['#path .from .card', '#path .journal', '#path .to .card'].map(
        (selector) => document.querySelector(selector)?.getBoundingClientRect().top ?? 0,
      ),
    );
    if (viewport.width > 860) expect(Math.max(...tops) - Math.min(...tops)).toBeLessThan(2);
    // Nothing is cut: every name and state stands within its card.
    const cut = await page.evaluate(
      () =>
        Array.from(document.querySelectorAll('#path .card h3, #path .card .chip, #path .card dd')).filter(
          (element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0,
        ).length,
    );
    expect(cut).toBe(0);
    expect(complaints).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('passes the accessibility check in the %s theme', async (theme) => {
    const { page } = await open({ sinks: 12, token: true }, (room) => busy(room));
    await page.emulateMedia({ colorScheme: theme });
    await page.getByRole('button', { name: 'Unlock changes' }).click();
    await page.getByLabel('Token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page
      .getByRole('button', { name: /^Discard/ })
      .first()
      .waitFor();
    await page.waitForSelector('.events tbody tr');
    for (const summary of await page.locator('main summary').all()) await summary.click();
    expect(await faultsOf(page)).toEqual([]);
    await page
      .getByRole('button', { name: /^Discard/ })
      .first()
      .click();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.locator('table.events tbody tr').first().click();
    await page.locator('.journey').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await faultsOf(page)).toEqual([]);
  });
});

const overflowOf = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** What axe complains about. It runs beside the page's own code, whose policy lets no script in. */
async function faultsOf(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axeSource });
  const { result } = await session.send('Runtime.evaluate', {
    expression:
      'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 150)} ${failureSummary}`).join(" | ")}`)))',
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return JSON.parse(String(result.value)) as string[];
}

/** Four that share a journal: one with another configuration, one that stands by, and one that is gone. */
function replicasOf(nowMs: number): Replica[] {
  const [startedAt, goneAt] = [new Date(nowMs - 7_200_000), new Date(nowMs - 2_400_000)];
  const all: Partial<Replica>[] = [
    { self: true, duties: ['source:platform', 'upkeep'] },
    { duties: ['sink:splunk', 'sink:elastic'], fingerprint: 'other' },
    {},
    { alive: false, seenAt: goneAt.toISOString() },
  ];
  return all.map((more, at) => aReplica(`ferry-${at}/1`, { startedAt: startedAt.toISOString(), ...more }));
}

/** Something of everything: states, dead letters, findings, heartbeats, coverage and events. */
function busy(room: Room): void {
  const now = Date.now();
  room.replicas = replicasOf(now);
  const at = (minutes: number): bigint => msToNs(now - minutes * 60_000);
  room.coverage = [
    { startNs: at(1_200), endNs: at(300), status: 'verified', serverCount: 12, readAt: '' },
    { startNs: at(300), endNs: at(240), status: 'suspect', serverCount: null, readAt: '' },
    { startNs: at(240), endNs: at(0), status: 'read', serverCount: null, readAt: '' },
  ];
  const types = ['user_login', 'sync_failed', 'policy_updated', 'api_key_deleted', 'role_assigned'];
  for (let seq = 1; seq <= 120; seq += 1)
    room.events.push(
      anEvent(seq, now - (120 - seq) * 20_000, {
        event_type: types[seq % types.length],
        user: { id: 'u', email: `person.${seq % 9}@acme.example` },
        user_ip_address: `203.0.113.${seq}`,
        is_success: seq % 11 !== 0,
        entity_display_name: seq % 3 === 0 ? 'nightly aws to snowflake' : 'billing',
      }),
    );
  for (let id = 1; id <= 30; id += 1)
    room.letters.push(
      aLetter(
        id,
        room.events[id] as AuditEvent,
        id % 2 === 0
          ? `the document takes ${id * 1_000} bytes`
          : 'mapper_parsing_exception: failed to parse field [user.id]',
      ),
    );
  room.findings.push(aFinding(1, '3 events that were read are not on the Platform any more'));
  enterState(room.splunk, 'held', now - 300_000, {
    reason: 'https://splunk.example.com:8088: the token is refused (403, code 4)',
    hint: 'create a new token and replace it in its file',
    nextTryMs: now + 60_000,
  });
  for (const [, sink] of room.status.sinks)
    if (sink !== room.splunk) Object.assign(sink, { cursor: 120n, delivered: 12_345, redactedValues: 42 });
  room.splunk.cursor = 20n;
  room.segments = new Map(
    [...room.status.sinks.keys()].map((name) => [
      name,
      keptHeartbeats(name === 'splunk' ? 2 : 0, now - 90_000),
    ]),
  );
}
