/** The client against our own witness over real HTTP; witness-hostile.test.ts has the attackers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createWitnessAnchor } from '../../src/anchor/witness.ts';
import { isTallyError } from '../../src/core/error.ts';
import { openCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../src/core/tlog/key.ts';
import { createQuorum, judgeQuorum } from '../../src/core/tlog/quorum.ts';
import { growLog, makeCosigner, startWitness } from '../support/witness.ts';

const signal = new AbortController().signal;
const log = growLog();
const anchorOf = (url: string, vkey: string, lastSize?: number) =>
  createWitnessAnchor({
    name: 'w1',
    url,
    vkey,
    now: Date.now,
    ...(lastSize === undefined ? {} : { lastSize: async () => lastSize }),
  });
const fails = (code: string, text: RegExp) => (error: unknown) =>
  isTallyError(error) && error.code === code && text.test(error.message);

describe('the witness anchor', () => {
  it('brings back the checkpoint with a cosignature that any verifier can check, and its time', async (t) => {
    const witness = await startWitness(t);
    const anchor = anchorOf(witness.url, witness.cosigner.vkey);
    const before = Math.floor(Date.now() / 1000);
    for (const size of [0, 1, 5, 5, 64]) {
      const receipt = await anchor.anchor(log.at(size), signal);
      assert.equal(receipt.suffix, 'note');
      assert.equal(openCheckpoint(receipt.bytes, [verifierFromVkey(log.signer.vkey)]).size, size);
      const result = judgeQuorum(createQuorum([witness.cosigner.vkey], 1), receipt.bytes);
      assert.ok(result.met);
      assert.equal(new Date((result.time ?? 0) * 1000).toISOString(), receipt.time);
      assert.ok((result.time ?? 0) >= before);
    }
    assert.deepEqual([witness.events, witness.errors], [[], []]);
  });

  it('goes on from what the witness knows, whether it remembers that, is told, or has to ask', async (t) => {
    const witness = await startWitness(t);
    const { url, cosigner } = witness;
    await anchorOf(`${url}/`, cosigner.vkey).anchor(log.at(10), signal);
    await anchorOf(url, cosigner.vkey).anchor(log.at(20), signal);
    await anchorOf(url, cosigner.vkey, 20).anchor(log.at(30), signal);
    // What was remembered is wrong, in either direction.
    await anchorOf(url, cosigner.vkey, 7).anchor(log.at(40), signal);
    await anchorOf(url, cosigner.vkey, 45).anchor(log.at(50), signal);
  });

  it('collects a quorum from two witnesses, and not from one that is asked twice', async (t) => {
    const [a, b] = [await startWitness(t), await startWitness(t, { cosigner: makeCosigner(2, 'b.example') })];
    const policy = createQuorum([a.cosigner.vkey, b.cosigner.vkey], 2);
    const subject = log.at(9);
    const first = await anchorOf(a.url, a.cosigner.vkey).anchor(subject, signal);
    const again = await anchorOf(a.url, a.cosigner.vkey).anchor({ ...subject, note: first.bytes }, signal);
    assert.equal(judgeQuorum(policy, again.bytes).met, false);
    const both = await anchorOf(b.url, b.cosigner.vkey).anchor({ ...subject, note: again.bytes }, signal);
    assert.equal(judgeQuorum(policy, both.bytes).met, true);
  });

  it('tells of a conflict when the log was rolled back', async (t) => {
    const witness = await startWitness(t);
    const { url, cosigner } = witness;
    const anchor = anchorOf(url, cosigner.vkey);
    await anchor.anchor(log.at(20), signal);
    const conflict = fails('ANCHOR_CONFLICT', /20 entries .* size 12: this log was rolled back or forked/);
    await assert.rejects(anchor.anchor(log.at(12), signal), conflict);
    await assert.rejects(anchorOf(url, cosigner.vkey).anchor(log.at(12), signal), conflict);
    await assert.rejects(anchorOf(url, cosigner.vkey, 20).anchor(log.at(12), signal), conflict);
    // Nothing of it stays: the honest log goes on.
    await anchor.anchor(log.at(21), signal);
  });

  it('tells of a conflict when the log was forked, at one size or beyond it', async (t) => {
    const witness = await startWitness(t);
    const { url, cosigner } = witness;
    await anchorOf(url, cosigner.vkey).anchor(log.at(20), signal);
    const forked = growLog({ fork: 15 });
    const conflict = fails('ANCHOR_CONFLICT', /rolled back or forked/);
    await assert.rejects(anchorOf(url, cosigner.vkey).anchor(forked.at(20), signal), conflict);
    await assert.rejects(anchorOf(url, cosigner.vkey).anchor(forked.at(33), signal), conflict);
    assert.deepEqual(
      witness.events.map((event) => event.kind === 'fork' && event.size),
      [20],
    );
    await anchorOf(url, cosigner.vkey).anchor(log.at(33), signal);
  });

  it('says what to do when the witness does not know the log, or not its key', async (t) => {
    const witness = await startWitness(t);
    const { url, cosigner } = witness;
    const stranger = growLog({ origin: 'stranger.example/x' });
    await assert.rejects(
      anchorOf(url, cosigner.vkey).anchor(stranger.at(3), signal),
      fails('ANCHOR_FAILED', /does not know the log stranger.example\/x/),
    );
    const rekeyed = growLog({ fill: 8 });
    await assert.rejects(
      anchorOf(url, cosigner.vkey).anchor(rekeyed.at(3), signal),
      fails('ANCHOR_FAILED', /does not trust the key/),
    );
    const { vkey } = rekeyed.signer;
    await assert.rejects(
      createWitnessAnchor({
        name: 'w',
        url,
        vkey: cosigner.vkey,
        now: Date.now,
        logVkey: () => Promise.resolve(vkey),
      }).anchor(rekeyed.at(3), signal),
      (error: { hint?: string }) => error.hint?.includes(`tally witness trust ${vkey})`) === true,
    );
  });

  it('refuses a key of a log, and an address that hides something', () => {
    assert.throws(() => anchorOf('http://127.0.0.1:1', log.signer.vkey), fails('KEY_MALFORMED', /of a log/));
    const { vkey } = makeCosigner();
    for (const url of [
      'ftp://w.example',
      'http://u:p@w.example',
      'http://w.example/?q',
      'http://w.example/#f',
      'w.example',
      '',
    ])
      assert.throws(() => anchorOf(url, vkey), fails('BAD_CONFIG', /http or https/), url);
  });
});
