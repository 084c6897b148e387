import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { linked } from '../server/api/linked.ts';
import { withChromium } from '../support/chromium.ts';

test('the page behind an approval link works in a browser at the width of a phone, without a script', async (t) => {
  const { ask1, link, recorder } = await linked(t);
  const granted = await ask1(250, 'o_1');
  const denied = await ask1(900, `${'long '.repeat(60)}<b>`);
  await withChromium(async (open) => {
    const page = await open(link(granted));
    const shot = await page.screenshot({ width: 375, height: 740 });
    if (process.env.TALLY_SHOTS !== undefined)
      await writeFile(`${process.env.TALLY_SHOTS}/approval-375.png`, shot);
    assert.equal(await page.evaluate('document.title'), 'Approve refund.create?');
    assert.ok(
      await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
      'nothing is wider than the phone',
    );
    assert.ok(
      await page.evaluate('[...document.querySelectorAll("button")].every((one) => one.offsetHeight >= 44)'),
    );
    assert.equal(
      await page.evaluate('getComputedStyle(document.querySelector(".yes")).color'),
      'rgb(255, 255, 255)',
    );
    await page.evaluate('document.querySelector(".yes").click()');
    await until(async () => (await page.evaluate<string>('document.body.innerText')).includes('Approved'));
    assert.equal(recorder.approvals.find(granted)?.status, 'granted');

    const other = await open(link(denied));
    const dark = await other.screenshot({ width: 375, height: 740, dark: true });
    if (process.env.TALLY_SHOTS !== undefined)
      await writeFile(`${process.env.TALLY_SHOTS}/approval-375-dark.png`, dark);
    assert.ok(
      await other.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
    );
    await other.evaluate('document.querySelector(".no").click()');
    await until(async () => (await other.evaluate<string>('document.body.innerText')).includes('Denied'));
    assert.equal(recorder.approvals.find(denied)?.status, 'denied');
    assert.deepEqual([...page.complaints, ...other.complaints], []);
  });
});

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await isTrue().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('it did not come to that');
}
