/** A witness that nobody here wrote: our client against it, and our own witness beside it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createWitnessAnchor } from '../../src/anchor/witness.ts';
import { isTallyError } from '../../src/core/error.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { createQuorum, judgeQuorum } from '../../src/core/tlog/quorum.ts';
import { emptyRoot } from '../../src/core/tlog/tree.ts';
import { encodeAddCheckpoint } from '../../src/core/tlog/witness-protocol.ts';
import { hasLitewitness, startLitewitness } from '../support/litewitness.ts';
import { type GrownLog, growLog, makeCosigner, startWitness } from '../support/witness.ts';

/** It comes with Debian's package torchwood (testing; older packages of it do not run) and needs openssh-client. */
const missing = !hasLitewitness();
const signal = new AbortController().signal;
const log = growLog();

describe('litewitness', () => {
  it('cosigns our checkpoints, and its cosignatures hold here', {
    skip: missing && 'needs litewitness',
  }, async (t) => {
    const { url, vkey } = await startLitewitness(t, [log.signer]);
    const policy = createQuorum([vkey], 1);
    const anchor = createWitnessAnchor({ name: 'lite', url, vkey, now: Date.now });
    for (const size of [1, 2, 7, 7, 64, 100]) {
      const { bytes, time } = await anchor.anchor(log.at(size), signal);
      const result = judgeQuorum(policy, bytes);
      assert.ok(result.met);
      assert.equal(new Date((result.time ?? 0) * 1000).toISOString(), time);
    }
    // One that remembers nothing asks first.
    const fresh = createWitnessAnchor({ name: 'lite', url, vkey, now: Date.now });
    await fresh.anchor(log.at(130), signal);
    // Our own witness beside it makes two of two.
    const ours = await startWitness(t, { cosigner: makeCosigner(2) });
    const subject = log.at(131);
    const one = await fresh.anchor(subject, signal);
    const both = await createWitnessAnchor({
      name: 'ours',
      url: ours.url,
      vkey: ours.cosigner.vkey,
      now: Date.now,
    }).anchor({ ...subject, note: one.bytes }, signal);
    assert.ok(judgeQuorum(createQuorum([vkey, ours.cosigner.vkey], 2), both.bytes).met);
  });

  it('catches a rollback and a fork, and our client tells of both', {
    skip: missing && 'needs litewitness',
  }, async (t) => {
    const { url, vkey } = await startLitewitness(t, [log.signer]);
    const anchor = createWitnessAnchor({ name: 'lite', url, vkey, now: Date.now });
    await anchor.anchor(log.at(20), signal);
    const forked = growLog({ fork: 10 });
    const conflict = (error: unknown): boolean => isTallyError(error) && error.code === 'ANCHOR_CONFLICT';
    for (const [by, size] of [
      [log, 12],
      [forked, 20],
      [forked, 30],
    ] as const) {
      await assert.rejects(anchor.anchor(by.at(size), signal), conflict, `size ${size}`);
    }
    await anchor.anchor(log.at(30), signal);
  });

  it('and our own witness give the same answers to the same requests', {
    skip: missing && 'needs litewitness',
  }, async (t) => {
    const theirs = await startLitewitness(t, [log.signer]);
    const ours = await startWitness(t);
    const forked = growLog({ fork: 4 });
    const rekeyed = growLog({ fill: 9 });
    const stranger = growLog({ origin: 'stranger.example/x' });

    async function submission(from: number, to: number, by: GrownLog = log): Promise<string> {
      const { note, consistencyFrom } = by.at(to);
      const proof = await consistencyFrom(Math.min(from, to));
      return Buffer.from(encodeAddCheckpoint({ oldSize: from, proof, note })).toString();
    }
    async function answers(body: string): Promise<readonly string[]> {
      return Promise.all(
        [ours.url, theirs.url].map(async (url) => {
          const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
          const text = await answer.text();
          return answer.status === 409
            ? `409 ${answer.headers.get('content-type')} ${text}`
            : String(answer.status);
        }),
      );
    }
    const good = await submission(8, 13);
    const hash = Buffer.from(emptyRoot()).toString('base64');
    const requests: readonly (readonly [what: string, body: string, status: RegExp])[] = [
      ['the first', await submission(0, 8), /^200$/],
      ['the same again', await submission(8, 8), /^200$/],
      ['from nothing', await submission(0, 13), /^409 text\/x\.tlog\.size 8\n$/],
      ['from too far', await submission(9, 13), /^409 text\/x\.tlog\.size 8\n$/],
      ['an older one', await submission(3, 5), /^409 text\/x\.tlog\.size 8\n$/],
      ['old above the new', await submission(8, 5), /^400$/],
      ['an unknown log', await submission(0, 5, stranger), /^404$/],
      ['an unknown key', await submission(8, 13, rekeyed), /^403$/],
      ['an altered size', good.replace('\n13\n', '\n14\n'), /^403$/],
      ['a fork', await submission(8, 13, forked), /^422$/],
      ['a proof cut short', good.replace(/\n[^\n]{44}\n/, '\n'), /^422$/],
      ['a proof too long', good.replace('\n', `\n${hash}\n`), /^422$/],
      ['64 hashes', good.replace('\n', `\n${`${hash}\n`.repeat(64)}`), /^400$/],
      ['no old size', good.replace('old 8\n', ''), /^400$/],
      ['a hash of 31 bytes', good.replace(/\n[^\n]{44}\n/, `\n${'A'.repeat(40)}AA==\n`), /^400$/],
      ['nothing', '', /^400$/],
      ['the next', good, /^200$/],
      [
        'an empty tree with a root',
        Buffer.from(
          encodeAddCheckpoint({
            oldSize: 0,
            proof: [],
            note: signCheckpoint({ ...log.at(0), root: log.root(1) }, [log.signer]),
          }),
        ).toString(),
        /^(409 text\/x\.tlog\.size 13\n|422)$/,
      ],
    ];
    for (const [what, body, status] of requests) {
      const [our = '', their = ''] = await answers(body);
      assert.match(our, status, what);
      assert.equal(our, their, what);
    }
    // Sizes have one form in the protocol; it is less strict about that.
    assert.equal((await answers((await submission(13, 14)).replace('old 13', 'old 013')))[0], '400');
    // v1.0.0 of the protocol says 409 here and later drafts 422, and the client understands both.
    const [our, their = ''] = await answers(await submission(13, 13, forked));
    assert.equal(our, '422');
    assert.match(their, /^(409 |422)/);
  });
});
