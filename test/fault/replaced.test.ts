/** Somebody takes the open segment away. Nothing that is noticed later was acknowledged after it was noticed. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { openSession, type Session } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';

async function start(t: TestContext): Promise<{ session: Session; segment: string; state: string }> {
  const state = await mkdtemp(join(tmpdir(), 'tally-replaced-'));
  const session = await openSession({
    paths: locate({ env: { TALLY_HOME: state, XDG_RUNTIME_DIR: state }, home: state, tmp: state, uid: 0 }),
    client: { surface: 'sdk' },
    onWarning: () => undefined,
    require: 'writer',
  });
  t.after(async () => {
    await session.close('test').catch(() => undefined);
    await rm(state, { recursive: true, force: true });
  });
  return { session, state, segment: join(state, 'logs/local/entries/000000000000.jsonl') };
}

async function note(session: Session): Promise<void> {
  await session.ask('record', { event: { type: 'step.note', phase: 'point', metadata: { note: 1 } } });
}

const WAYS: readonly (readonly [name: string, act: (path: string) => Promise<void>, why: RegExp])[] = [
  ['deleted', unlink, /not there any more/],
  ['moved away', (path) => rename(path, `${path}.away`), /not there any more/],
  [
    'replaced by a copy',
    async (path) => {
      await copyFile(path, `${path}.copy`);
      await rename(`${path}.copy`, path);
    },
    /another file lies in its place/,
  ],
  ['cut', (path) => truncate(path, 100), /somebody else cut it/],
  [
    'written to',
    async (path) => writeFile(path, 'more', { flag: 'a' }),
    /somebody else cut it or wrote to it/,
  ],
];

describe('the open segment', () => {
  for (const [name, act, why] of WAYS) {
    it(`that is ${name} ends the writer with the reason, in bounded time`, async (t) => {
      const { session, segment } = await start(t);
      for (let i = 0; i < 3; i++) await note(session);
      await act(segment);
      // The look is due by then: not one more entry is acknowledged.
      await new Promise((resolve) => setTimeout(resolve, LIMITS.segmentLookMs + 10));
      const failed = (error: { code?: string; message?: string; hint?: string }): boolean => {
        assert.equal(error.code, 'LOG_DAMAGED');
        assert.match(error.message ?? '', why);
        assert.ok(error.hint);
        return true;
      };
      await assert.rejects(note(session), failed);
      await assert.rejects(note(session), failed);
      assert.match((await session.ask('status', {})).failure ?? '', why);
    });
  }

  it('that only grows by our own appends is left in peace', async (t) => {
    const { session, segment } = await start(t);
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, LIMITS.segmentLookMs / 2));
      await note(session);
    }
    assert.equal((await readFile(segment, 'utf8')).match(/step\.note/g)?.length, 5);
  });
});
