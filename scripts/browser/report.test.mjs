// Opens each page that sim/tests/cli/pages.rs wrote in a browser, and uses it as its reader does.
//
//   node --test report.test.mjs        with PAGES (where pages are), PICTURES (where pictures go), CHROMIUM
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const { PAGES, PICTURES, CHROMIUM } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const names = readdirSync(PAGES).filter((name) => name.endsWith('.html')).map((name) => name.slice(0, -5));
// In these, something is broken and has a diagram.
const found = names.filter((name) => !['recording'].includes(name));
const mutants = names.filter((name) => name.startsWith('mutant-'));
const hostile = names.filter((name) => name.startsWith('hostile-') || name === 'recording');

let profile;
let browser;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  profile = mkdtempSync(join(tmpdir(), 'mapi-sync-report-'));
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
    env: { ...process.env, HOME: profile },
  });
});

after(async () => {
  await browser?.close();
  rmSync(profile, { recursive: true, force: true });
});

/// Opens a page, uses it, and says whatever it complained about. It may ask for nothing but itself.
async function open(name, options, use) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  const url = pathToFileURL(join(PAGES, `${name}.html`)).href;
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  page.on('request', (request) => { if (request.url() !== url) complaints.push(`asks for ${request.url()}`); });
  try {
    await page.goto(url);
    await use(page);
    assert.deepEqual(complaints, [], name);
  } finally {
    await context.close();
  }
}

const here = (page) => page.locator('.rows [aria-current]');
const picture = (page, name, more) => page.screenshot({ path: join(PICTURES, `${name}.png`), ...more });

/// Serious findings, and those that are worse.
async function serious(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run());
  return result.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`);
}

/// By how much the content is wider than the window.
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

test('there are pages', () => {
  assert.equal(mutants.length, 10);
  assert.equal(hostile.length, 4);
});

for (const name of found) {
  test(`${name}: the violation is found by keyboard`, () => open(name, {}, async (page) => {
    const rule = await page.locator('.found h2').first().textContent();
    await page.keyboard.press('Home');
    assert.match(await here(page).getAttribute('id'), /^c0r0$/);
    await page.keyboard.press('v');
    const row = here(page);
    assert.equal(await row.count(), 1);
    assert.match(await row.getAttribute('class'), /\bbroke\b/);
    assert.ok((await row.textContent()).includes(rule), `${rule} stands in its row`);
    const box = await row.boundingBox();
    assert.ok(box.y >= 0 && box.y + Math.min(box.height, 800) <= 900, `the row is in sight: ${box.y}`);
    const place = Number((await row.getAttribute('id')).slice(3));
    await page.keyboard.press('ArrowUp');
    assert.equal(await here(page).getAttribute('id'), `c0r${Math.max(0, place - 1)}`);
    assert.ok((await page.locator('#c0p .about').textContent()).length > 0);
    await page.keyboard.press('End');
    const last = await page.locator('#c0 .rows > li[id]').last().getAttribute('id');
    assert.equal(await here(page).getAttribute('id'), last);
    await page.keyboard.press('?');
    assert.ok(await page.locator('dialog').isVisible());
    await page.keyboard.press('Escape');
    assert.ok(!(await page.locator('dialog').isVisible()));
  }));
}

for (const name of [...mutants, 'program', 'replay', 'recording']) {
  test(`${name}: it can be read without its script`, () => open(name, { javaScriptEnabled: false }, async (page) => {
    const text = await page.locator('main').innerText();
    const rule = await page.locator('.found h2').first().textContent();
    assert.ok(text.includes(rule));
    assert.ok(text.includes('Which rule?') || text.includes('What is expected?'));
    if (name !== 'recording') {
      assert.ok(text.includes('replay'), 'how to see it again');
      assert.ok((await page.locator('.rows > li .bad').count()) > 0, 'the row is marked');
    }
    // What does nothing without it is not there.
    assert.equal(await page.locator('button:visible, .panel:visible').count(), 0);
  }));
}

// The mutants' pages have the same elements as these.
const kinds = ['order', 'program', 'recording', 'hostile-provider'];

for (const name of names.filter((name) => name !== 'long')) {
  test(`${name}: it is accessible`, () => open(name, {}, async (page) => {
    assert.deepEqual(await serious(page), []);
    if (kinds.includes(name)) await picture(page, `${name}-light`, { fullPage: true });
    await page.setViewportSize({ width: 375, height: 812 });
    assert.equal(await overflow(page), 0, 'it fits a phone');
  }));
}

for (const name of kinds) {
  test(`${name}: it is accessible in the dark and on a phone`, () => open(name, { colorScheme: 'dark' }, async (page) => {
    assert.deepEqual(await serious(page), []);
    await picture(page, `${name}-dark`, { fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 375, height: 812 });
    assert.deepEqual(await serious(page), []);
    await picture(page, `${name}-375`, { fullPage: true });
  }));
}

for (const name of ['order', 'program', 'recording']) {
  test(`${name}: it can be printed`, () => open(name, {}, async (page) => {
    const pdf = await page.pdf({ path: join(PICTURES, `${name}.pdf`), format: 'A4', printBackground: false });
    assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator('button:visible, .panel:visible').count(), 0);
    await picture(page, `${name}-print`, { fullPage: true });
  }));
}

for (const name of hostile) {
  test(`${name}: what others wrote does nothing`, () => open(name, {}, async (page) => {
    for (const key of ['Home', 'v', 'End', 'ArrowUp', 'w']) await page.keyboard.press(key);
    const own = await page.evaluate(() => ({
      scripts: document.scripts.length,
      strange: document.querySelectorAll('img, iframe, object, embed, link, form, [style], [onerror], [onclick]').length,
      // Marks that turn texts around, and control characters.
      unseen: /[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b-\u001f]/.test(document.body.textContent),
    }));
    assert.deepEqual(own, { scripts: name === 'recording' ? 0 : 2, strange: 0, unseen: false });
  }));
}

test('a script or a style that is not its own does not run', () => open('order', {}, async (page) => {
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.ran = true';
    addEventListener('securitypolicyviolation', () => { globalThis.stopped = true; });
    document.body.append(script);
    return globalThis.ran === true;
  });
  assert.equal(ran, false);
}).catch((error) => {
  // The browser says so on its console, and nothing else may stand there.
  assert.match(error.message, /violates the following Content Security Policy/);
}));

test('the other way stands beside it', () => open('order', {}, async (page) => {
  const sides = page.locator('.beside > div > div');
  assert.equal(await sides.count(), 2);
  assert.equal(await sides.nth(0).locator('.bad').count(), 1);
  assert.equal(await sides.nth(1).locator('.bad').count(), 0);
}));

test('a command can be copied', () => open('order', {}, async (page) => {
  const button = page.locator('.copy').first();
  await button.click();
  await page.waitForFunction(() => /Copied|Selected/.test(document.querySelector('.copy').textContent));
  assert.match(await page.locator('.command code').first().textContent(), /^mapi-sync replay ms2-[\w-]+$/);
}));

test('5,000 calls open and step without a delay', () => open('long', {}, async (page) => {
  const paint = await page.evaluate(async () => {
    const painted = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
    while (painted() === undefined) await new Promise((done) => setTimeout(done, 10));
    return painted();
  });
  const steps = await page.evaluate(async () => {
    const times = [];
    for (const key of ['End', 'Home', 'v', ...Array(20).fill('ArrowUp'), 'Home', ...Array(20).fill('ArrowDown'), 'v']) {
      await new Promise((done) => setTimeout(done, 30));
      const began = performance.now();
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      // Up to the frame that shows it.
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      times.push(performance.now() - began);
    }
    return times;
  });
  const [median, worst] = [[...steps].sort((a, b) => a - b)[steps.length >> 1], Math.max(...steps)];
  console.log(`first paint ${paint.toFixed(0)} ms, a step ${median.toFixed(0)} ms, the longest ${worst.toFixed(0)} ms`);
  assert.ok(paint < 1_000, `first paint after ${paint} ms`);
  assert.ok(median < 50, `a step takes ${median} ms`);
  assert.ok(worst < 250, `the longest step takes ${worst} ms`);
  await picture(page, 'long-light', {});
}));
