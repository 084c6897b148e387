import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { createWebhookAnchor } from '../../src/anchor/webhook.ts';
import { openCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../src/core/tlog/key.ts';
import { makeLog, ORIGIN } from './log.ts';
import { serve } from './tsa.ts';

const never = new AbortController().signal;
const now = (): number => 1_800_000_000_000;

test('the checkpoint is sent signed as Standard Webhooks says, and the same try has the same id', async (t) => {
  const calls: { readonly headers: IncomingHttpHeaders; readonly body: Buffer }[] = [];
  const url = await serve(t, (body, _response, { headers }) => {
    calls.push({ headers, body });
    return Buffer.from('thanks');
  });
  const log = makeLog();
  const subject = await log.subject(12);
  const key = randomBytes(24);
  const secret = { name: 'HOOK', read: () => Buffer.from(`whsec_${key.toString('base64')}`) };
  const anchor = createWebhookAnchor({ name: 'hook', url, secret, now });
  const receipt = await anchor.anchor(subject, never);
  await anchor.anchor(subject, never);
  const [first, second] = calls;
  assert.ok(first !== undefined && second !== undefined);
  const id = first.headers['webhook-id'];
  assert.equal(second.headers['webhook-id'], id);
  assert.equal(first.headers['webhook-timestamp'], '1800000000');
  const signed = Buffer.concat([Buffer.from(`${String(id)}.1800000000.`), first.body]);
  assert.equal(
    first.headers['webhook-signature'],
    `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
  );
  const sent = JSON.parse(first.body.toString()) as Record<string, unknown>;
  assert.deepEqual([sent.origin, sent.size], [ORIGIN, 12]);
  openCheckpoint(Buffer.from(String(sent.checkpoint)), [verifierFromVkey(log.vkey)]);
  assert.equal(receipt.time, undefined);
  assert.deepEqual(JSON.parse(Buffer.from(receipt.bytes).toString()), {
    id,
    status: 200,
    answer_sha256: createHash('sha256').update('thanks').digest('hex'),
  });
});

test('without a secret nothing is signed; one that is configured and gone sends nothing', async (t) => {
  let signature: unknown = 'none came';
  const url = await serve(t, (_body, _response, { headers }) => {
    signature = headers['webhook-signature'];
    return Buffer.alloc(0);
  });
  const subject = await makeLog().subject(12);
  await createWebhookAnchor({ name: 'hook', url, now }).anchor(subject, never);
  assert.equal(signature, undefined);
  signature = 'none came';
  const secret = { name: 'HOOK', read: () => undefined };
  await assert.rejects(createWebhookAnchor({ name: 'hook', url, secret, now }).anchor(subject, never), {
    code: 'ANCHOR_FAILED',
    hint: 'tally secrets set HOOK',
  });
  assert.equal(signature, 'none came');
});

test('an endpoint that refuses, redirects, floods or says nothing has not taken it', async (t) => {
  const subject = await makeLog().subject(12);
  const fails = (url: string, message: RegExp) =>
    assert.rejects(
      createWebhookAnchor({ name: 'hook', url, now, timeoutMs: 400 }).anchor(subject, never),
      message,
    );
  const other = await serve(t, () => assert.fail('a redirect was followed'));
  await fails(
    await serve(t, (_b, response) => response.writeHead(302, { location: other }).end() && undefined),
    /answered 302/,
  );
  await fails(await serve(t, (_b, response) => response.writeHead(500).end() && undefined), /answered 500/);
  await fails(await serve(t, () => Buffer.alloc(100_000)), /more than 65536 bytes/);
  await fails(await serve(t, () => undefined), /did not answer within/);
});
