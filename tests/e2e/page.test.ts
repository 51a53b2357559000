import { existsSync } from 'node:fs';

import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { startAdmin } from '../../src/admin/server.ts';
import type { Admin } from '../../src/admin/server.ts';
import { wallClock } from '../../src/model/clock.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { aFinding, aLetter, anEvent, createRoom, TOKEN } from '../admin/room.ts';
import type { Room, RoomOptions } from '../admin/room.ts';

/** What the functions that run inside the page see there; the tests' own types know no browser. */
declare const document: {
  readonly activeElement: PageElement | null;
  readonly body: PageElement;
  readonly cookie: string;
  readonly documentElement: PageElement;
  querySelector(selector: string): PageElement | null;
};
declare const window: object;
declare function getComputedStyle(element: PageElement): { readonly outlineStyle: string };

interface PageElement {
  readonly id: string;
  readonly textContent: string;
  readonly scrollWidth: number;
  readonly clientWidth: number;
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
    const complete = page.getByText(/^complete: as of the last count/);
    await complete.waitFor();
    enterState(room.splunk, 'held', Date.now(), {
      reason: '403 invalid token',
      hint: 'create a new token',
      nextTryMs: Date.now() + 60_000,
    });
    const held = page.locator('#attention-list li');
    await held.getByText('403 invalid token').waitFor({ timeout: SEEN_WITHIN_MS });
    const text = await held.innerText();
    expect(text).toContain('create a new token');
    expect(text).toMatch(/Next try in \d/);
    expect(await page.locator('#announce').textContent()).toBe('splunk is held.');
    expect(await page.title()).toBe('(!) auditferry');
    enterState(room.splunk, 'idle', Date.now());
    await page.locator('.verdict[data-tone="good"]').waitFor({ timeout: SEEN_WITHIN_MS });
    expect(await page.locator('#attention').isVisible()).toBe(false);
    expect(await page.locator('#announce').textContent()).toBe('splunk is idle.');
    expect(complaints).toEqual([]);
  });

  it('begins with the verdict, which is never green while something is left', async () => {
    const { room, page } = await open({}, (its) => {
      its.letters.push(
        ...Array.from({ length: 131 }, (_, id) => aLetter(id, anEvent(1, Date.now()), 'refused')),
      );
    });
    const first = page.locator('main > :first-child');
    await page.getByText(/^undelivered: sink splunk: 131 dead letters\./).waitFor();
    expect(await first.innerText()).toMatch(/^undelivered: sink splunk: 131 dead letters\./);
    expect(await first.getAttribute('data-tone')).toBe('warn');
    expect(await page.locator('#verdict').innerText()).toBe('undelivered');
    room.letters.splice(0);
    await page.locator('.verdict[data-tone="good"]').waitFor({ timeout: SEEN_WITHIN_MS });
    room.findings.push(aFinding(1, 'fewer'));
    await page.getByText(/^incomplete: 1 finding/).waitFor({ timeout: SEEN_WITHIN_MS });
    expect(await page.title()).toBe('(!) auditferry');
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
      const event = anEvent(1, Date.now(), { note: HOSTILE });
      room.events.push({ ...event, id: HOSTILE, createdAt: HOSTILE });
      room.letters.push(aLetter(1, { ...event, id: HOSTILE }, HOSTILE));
      room.findings.push(aFinding(1, HOSTILE));
      enterState(room.splunk, 'held', Date.now(), { reason: HOSTILE, hint: HOSTILE });
    });
    await page.waitForSelector('.events li');
    for (const details of await page.locator('details').all())
      await details.locator('summary').first().click();
    for (const format of ['raw', 'cef']) {
      await page.selectOption('#events-tools select', format);
      await page.waitForFunction(
        (word) => document.querySelector('.events code')?.textContent.includes(word),
        format === 'raw' ? 'created_at' : 'CEF:0',
      );
    }
    expect(await page.locator('.letters .why').textContent()).toBe(HOSTILE);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(complaints).toEqual([]);
  });

  it('says clearly when the daemon no longer answers', async () => {
    const { admin, page } = await open({}, () => {});
    await admin.close();
    await page.getByRole('alert').getByText('does not answer').waitFor({ timeout: 5_000 });
    expect(await page.locator('#verdict').innerText()).toBe('No answer');
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
    await page.getByRole('button', { name: /^Discard/ }).click();
    await page.getByLabel('Why').fill('a test event');
    await page.keyboard.press('Enter');
    await page.getByText('No receiver has refused an event for good.').waitFor();
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
    for (const name of ['On the way', 'Coverage', 'Flow', 'Dead letters', 'Newest events', 'Configuration']) {
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
        room.events.push(anEvent(1, Date.now(), { long: 'x'.repeat(3_000) }));
        room.letters.push(aLetter(1, anEvent(1, Date.now()), 'y'.repeat(500)));
        enterState(room.splunk, 'held', Date.now(), { reason: 'z'.repeat(500) });
      },
      { width: 340, height: 700 },
    );
    await page.waitForSelector('.letters li');
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
  });
});
