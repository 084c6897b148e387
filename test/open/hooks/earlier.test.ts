import assert from 'node:assert/strict';
import { it } from 'node:test';
import { oneScanAtATime } from '../../../src/open/hooks/earlier.ts';

it('many who look for earlier calls at once share two passes, and one that fails fails for those alone', async () => {
  const passes: string[][] = [];
  let fails = false;
  const look = oneScanAtATime(async (wanted) => {
    passes.push([...wanted].toSorted());
    await new Promise((resolve) => setImmediate(resolve));
    if (fails) throw new Error('the disk');
    return { calls: new Map([...wanted].map((one) => [one, `id of ${one}`])) };
  });
  const first = look(new Set(['a']));
  await new Promise((resolve) => process.nextTick(resolve));
  const others = ['b', 'c', 'd'].map((one) => look(new Set([one])));
  assert.equal((await first).calls.get('a'), 'id of a');
  for (const [i, one] of ['b', 'c', 'd'].entries())
    assert.equal((await others[i])?.calls.get(one), `id of ${one}`);
  assert.deepEqual(passes, [['a'], ['b', 'c', 'd']]);
  fails = true;
  await assert.rejects(look(new Set(['e'])), /the disk/);
  fails = false;
  assert.equal((await look(new Set(['f']))).calls.get('f'), 'id of f');
});
