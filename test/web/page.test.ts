import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { startDisplay } from '../../src/io/http/mod.ts';
import type { Display } from '../../src/io/http/mod.ts';
import type { PremiseReply, PremiseRequest } from '../../src/model/mod.ts';
import { buildPages } from '../../src/web/build.ts';
import { needs } from '../support/needs.ts';
import { eventView, premiseView } from '../support/premise.ts';
import { tempDir } from '../support/temp.ts';

describe('the page of the display, in a browser', function () {
  this.timeout(30_000);
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let browser: Browser;
  let display: Display;
  let page: Page;
  let asked: PremiseRequest[];
  let complaints: string[];
  let foreign: string[];

  const answer = async (request: PremiseRequest): Promise<PremiseReply> => {
    asked.push(request);
    if (request.kind === 'override' && request.code !== '2468')
      return { ok: false, refusal: 'code-wrong', why: 'The code is not correct.' };
    return { ok: true, why: 'Noted.' };
  };

  before(async function () {
    const executablePath = needs(this, 'chromium');
    folder = await tempDir();
    await buildPages(folder.path);
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });

  after(async () => {
    await browser?.close();
    await folder?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    [asked, complaints, foreign] = [[], [], []];
    display = await startDisplay({
      port: 0,
      pages: pathToFileURL(`${folder.path}/display/`),
      onRequest: answer,
    });
    page = await browser.newPage({
      viewport: { width: 360, height: 740 },
      timezoneId: 'UTC',
      locale: 'en-GB',
    });
    page.on('pageerror', error => complaints.push(error.message));
    page.on('console', message => {
      if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
    });
    page.on('request', request => {
      if (new URL(request.url()).origin !== new URL(display.url).origin) foreign.push(request.url());
    });
    await page.goto(display.url);
  });

  afterEach(async () => {
    await page.close();
    await display.close();
    expect(complaints, 'errors and refusals of the page').to.deep.equal([]);
    expect(foreign, 'requests to other hosts').to.deep.equal([]);
  });

  it('shows an event as soon as the gateway shows it, and takes it away again', async () => {
    await page.getByText('Waiting for the gateway').waitFor();
    display.show(premiseView({ events: [] }));
    await page.getByText('The utility asks for nothing.').waitFor();
    display.show(premiseView());
    const event = page.getByRole('article', { name: 'Peak demand' });
    await event.getByText('running until 15:00').waitFor();
    await event.getByText('Limit of real power: 50 %').waitFor();
    display.show(premiseView({ events: [] }));
    await event.waitFor({ state: 'detached' });
  });

  it('OVR-1 takes an acknowledgement, then the code, and forgets the code once it is sent', async () => {
    display.show(premiseView());
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('Noted.').waitFor();
    display.show(premiseView({ events: [eventView({ acknowledged: true })] }));
    await page.getByLabel('Override code').fill('2468');
    await page.getByRole('button', { name: 'Opt out' }).click();
    await page.waitForFunction('document.querySelector("input").value === ""');
    await page.getByText('Noted.').waitFor();
    expect(asked).to.deep.equal([
      { kind: 'acknowledge', mRID: 'ev-7' },
      { kind: 'override', mRID: 'ev-7', code: '2468' },
    ]);
  });

  it('OVR-2 shows a wrong code as refused', async () => {
    display.show(premiseView({ events: [eventView({ acknowledged: true })] }));
    await page.getByLabel('Override code').fill('1111');
    await page.getByLabel('Override code').press('Enter');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).to.equal('The code is not correct.');
  });

  it('OVR-3 has no field for a code where an event cannot be overridden, and says why', async () => {
    const why = 'A transmission constraint cannot be overridden.';
    const event = eventView({ class: 'transmission', mayOverride: false, acknowledged: true, why });
    display.show(premiseView({ events: [event] }));
    await page.getByText(why).waitFor();
    expect(await page.getByLabel('Override code').count()).to.equal(0);
  });

  it('says that it is cut off when the gateway goes, and keeps what it last knew', async () => {
    display.show(premiseView());
    await page.getByText('Connected to the utility').waitFor();
    await display.close();
    await page.getByText('No connection to the gateway').waitFor();
    expect(await page.getByRole('article', { name: 'Peak demand' }).count()).to.equal(1);
  });

  it('says when the utility cannot be reached', async () => {
    display.show(premiseView({ online: false }));
    await page.getByText('The utility cannot be reached').waitFor();
  });

  it('needs no sideways scrolling on a phone, and its words stand out from their ground, light and dark', async () => {
    display.show(premiseView({ events: [eventView({ acknowledged: true })] }));
    await page.getByLabel('Override code').waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate('document.documentElement.scrollWidth')).to.be.at.most(360);
      // WCAG 2.2, 1.4.3: contrast of at least 4.5 to 1.
      expect(Number(await page.evaluate(LOWEST_CONTRAST)), colorScheme).to.be.at.least(4.5);
    }
  });
});

/** Lowest contrast ratio (WCAG 2.2) of any text of the page against the nearest ground painted behind it. */
const LOWEST_CONTRAST = `(() => {
  const rgb = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = color => {
    const [r, g, b] = rgb(color).map(c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    const color = getComputedStyle(element).backgroundColor;
    return (rgb(color)[3] ?? 1) > 0 || !element.parentElement ? color : ground(element.parentElement);
  };
  const ratios = [...document.querySelectorAll('h1,h2,h3,p,span,strong,label,footer,button:enabled')].map(element => {
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
  return Math.min(...ratios);
})()`;
