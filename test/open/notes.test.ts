import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasNotes, remember } from '../../src/open/notes.ts';
import { tellNotes } from '../../src/open/notes-told.ts';
import type { Gap } from '../../src/recorder/gap-ops.ts';

const AT = '2026-11-21T14:00:0';
const ID = 'log_01M7Y5DTQ0AAAAAAAAAAAAAAAA';

function directory(t: { after(fn: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), 'tally-notes-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test('what ran is told once for each surface, from when to when and how often, and then forgotten', async (t) => {
  const place = directory(t);
  assert.equal(hasNotes([place]), false);
  for (const [n, surface, what] of [
    [1, 'proxy', 'http.call GET a.example'],
    [2, 'run', 'run node'],
    [3, 'proxy', 'http.call GET b.example'],
    [4, 'secrets', 'secret.get KEY'],
  ] as const)
    assert.ok(remember([place], { at: `${AT}${n}.000Z`, surface, what, why: 'RECORDER_UNAVAILABLE' }));
  assert.equal(statSync(join(place, 'ungoverned.jsonl')).mode & 0o777, 0o600);

  const failed: Gap[] = [];
  await assert.rejects(
    tellNotes(
      [place],
      () => ID,
      async (gap) => {
        failed.push(gap);
        if (gap.surface === 'run') throw new Error('the recorder went away');
      },
    ),
  );
  const told: Gap[] = [];
  assert.equal(
    await tellNotes(
      [place],
      () => 'log_01M7Y5DTQ0BBBBBBBBBBBBBBBB',
      async (gap) => void told.push(gap),
    ),
    4,
  );
  assert.deepEqual(
    told.map(({ surface, count, from, to }) => [surface, count, from, to]),
    [
      ['proxy', 2, `${AT}1.000Z`, `${AT}3.000Z`],
      ['run', 1, `${AT}2.000Z`, `${AT}2.000Z`],
      ['secrets', 1, `${AT}4.000Z`, `${AT}4.000Z`],
    ],
  );
  assert.equal(new Set(told.map(({ id }) => id)).size, 3);
  assert.deepEqual(
    failed.map(({ id }) => id),
    told.slice(0, 2).map(({ id }) => id),
    'told again they are the same',
  );
  assert.equal(hasNotes([place]), false);
});

test('where the first directory cannot be written the next is taken, and where none can nothing is remembered', (t) => {
  const place = directory(t);
  const file = join(place, 'file');
  writeFileSync(file, '');
  const note = { at: `${AT}1.000Z`, surface: 'proxy', what: 'x', why: 'LOG_FULL' } as const;
  assert.equal(remember([file, place], note), true);
  assert.equal(remember([file, join(place, 'absent')], note), false);
  const full = join(place, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'ungoverned.jsonl'), Buffer.alloc(1024 * 1024 + 1));
  assert.equal(remember([full], note), false);
});

test('a file of anything is told without an exception, and whole lines of it are not lost', async (t) => {
  const place = directory(t);
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 200 }), async (noise) => {
      const line = JSON.stringify({ at: `${AT}1.000Z`, surface: 'proxy', what: 'x', why: 'LOG_FULL' });
      appendFileSync(join(place, 'ungoverned.jsonl'), `${noise}\n${line}\n{"at":`);
      const gaps: Gap[] = [];
      await tellNotes(
        [place],
        () => ID,
        async (gap) => void gaps.push(gap),
      );
      assert.equal(
        gaps.reduce((sum, { count }) => sum + count, 0),
        1,
      );
      assert.deepEqual(readdirSync(place), []);
    }),
    { numRuns: 100 },
  );
});
