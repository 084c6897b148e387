/** The log is well, but one entry is not taken: that is a bug to be told, not a log that is dead. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { TallyError } from '../../../src/core/error.ts';
import { echo, stage } from './stage.ts';

for (const phase of ['pre_exec', 'post_exec', 'point'])
  test(`a ${phase} that the recorder refuses is a 500, told as a bug, and leaves no call open`, async (t) => {
    let refusing = true;
    const s = await stage(t, {
      wrapRecorder: (recorder) => ({
        ...recorder,
        async record(event, producer) {
          const itself = event.phase === phase && event.outcome?.error_kind !== 'entry_refused';
          if (refusing && itself) throw new TallyError('ENTRY_TOO_LARGE', 'the entry is too large');
          return recorder.record(event, producer);
        },
        async act(ask, event, producer) {
          if (refusing && phase === 'pre_exec')
            throw new TallyError('ENTRY_TOO_LARGE', 'the entry is too large');
          return recorder.act(ask, event, producer);
        },
      }),
    });
    const up = await s.upstream(echo);
    await s.vault.set('KEY', randomBytes(18).toString('base64url'));
    const headers: Record<string, string> = phase === 'point' ? { 'X-AS-Unknown': 'x' } : {};
    const answer = await s.get(up.origin, headers);
    assert.deepEqual([answer.status, answer.json().reason], [500, 'entry_refused']);
    await s.quiet();
    assert.deepEqual(
      s.errors.map((error) => error instanceof TallyError && error.code),
      ['ENTRY_TOO_LARGE'],
    );
    assert.equal((await s.call({ path: '/health' })).json().status, 'ok');
    if (phase === 'post_exec') {
      const { post } = s.pair();
      assert.deepEqual([post.outcome?.status, post.outcome?.error_kind], ['error', 'entry_refused']);
    } else assert.equal(up.count(), 0);
    refusing = false;
    assert.equal((await s.get(up.origin)).status, 200);
  });
