import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shownText } from '../../../src/server/api/link-page.ts';
import { assertVerifies } from '../../support/verify.ts';
import { linked } from './linked.ts';

describe('approval links', () => {
  it('show what is asked, decide by the form alone, and work once', async (t) => {
    const { ask1, link, look, answer, entries, recorder, box, close } = await linked(t);
    const id = await ask1(250, '<img src=x onerror=alert(1)>\u202e');
    const url = link(id);
    for (let n = 0; n < 3; n++) {
      const { status, html, headers } = await look(url);
      assert.equal(status, 200);
      assert.match(html, /refund\.create/);
      assert.match(html, /refund-bot for u_clerk/);
      assert.match(html, /the customer asked/);
      assert.doesNotMatch(html, /<img|<script|\u202e/);
      assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
      assert.equal(headers.get('cache-control'), 'no-store');
    }
    assert.equal((await look(url, { method: 'HEAD' })).status, 200);
    assert.equal(entries('approval.grant').length, 0, 'looking decides nothing');
    assert.equal((await answer(url, 'perhaps')).status, 400);
    const { status, html } = await answer(url, 'grant');
    assert.equal(status, 200);
    assert.match(html, /Approved/);
    const [grant] = entries('approval.grant');
    assert.deepEqual(grant?.actor?.user, { id: 'u_boss' });
    assert.equal(grant?.quality?.['actor.user'], 'inferred');
    assert.equal(grant?.metadata?.via, 'link');
    assert.equal(recorder.approvals.find(id)?.approver, 'u_boss');

    const again = await answer(url, 'deny');
    assert.equal(again.status, 409);
    const refused = entries('approval.deny')[0];
    assert.equal(refused?.decision?.outcome, 'stop');
    assert.equal(recorder.approvals.find(id)?.status, 'granted', 'a replayed link changes nothing');
    await close();
    await assertVerifies(box);
  });

  it('that are forged, of another person or too late are refused, and that is on record', async (t) => {
    const { ask1, link, look, answer, entries, recorder } = await linked(t);
    const id = await ask1(250);
    const good = link(id);
    const forged = `${good.slice(0, -1)}${good.endsWith('0') ? '1' : '0'}`;
    assert.equal((await look(forged)).status, 403);
    assert.equal((await answer(forged, 'grant')).status, 403);
    const late = link(id, 'u_boss', recorder.now() - 1);
    assert.equal((await look(late)).status, 410);
    assert.equal((await answer(late, 'grant')).status, 410);
    assert.equal((await answer(link(id, 'u_clerk'), 'grant')).status, 403, 'whoever asks does not approve');
    assert.equal((await answer(link(id, 'u_nobody'), 'grant')).status, 403);
    assert.equal((await look(good.slice(0, -9))).status, 404);
    const refused = entries('approval.grant').map(({ decision, metadata }) => [
      decision?.reason,
      metadata?.link,
    ]);
    assert.deepEqual(refused, [
      ['token_invalid', 'forged'],
      ['token_invalid', 'forged'],
      ['approval_expired', 'expired'],
      ['role_denied', undefined],
      ['role_denied', undefined],
    ]);
    assert.equal(recorder.approvals.find(id)?.status, 'pending');
  });

  it('are answered under the names of this machine and the configured one, and by their own form only', async (t) => {
    const { ask1, link, answer } = await linked(t);
    const url = link(await ask1(250));
    const other = await answer(url, 'grant', { Origin: 'https://evil.example' });
    assert.equal(other.status, 403);
    assert.equal((await answer(url, 'grant', { Origin: 'null' })).status, 403);
    assert.equal((await answer(url, 'grant', { Origin: new URL(url).origin })).status, 200);
  });

  it('guessing does not fill the log', async (t) => {
    const { ask1, link, look, entries } = await linked(t);
    const good = link(await ask1(250));
    for (let n = 0; n < 100; n++) await look(`${good.slice(0, -3)}${String(n).padStart(3, '0')}`);
    const refused = entries('approval.grant');
    assert.equal(refused.length, 60);
    assert.equal(refused.at(-1)?.metadata?.more, 'not recorded in this minute');
  });

  it('text of agents is shown as what it is made of', () => {
    assert.equal(shownText('a<b>&"\'\u0000\u202e\u200b'), 'a&lt;b&gt;&amp;&quot;&#39;\\u0000\\u202e\\u200b');
  });
});
