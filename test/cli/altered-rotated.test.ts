import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { headTexts } from '../../src/cli/output/heads.ts';
import type { HeadVerdict } from '../../src/core/tlog/verify-report.ts';
import { makeHome } from './home.ts';

test('of a rotated log with an altered entry nothing is said but that: no shorter log, no rotation left undone', async (t) => {
  const home = makeHome(t);
  for (const args of [
    ['init'],
    ['agent', 'register', 'alpha'],
    ['key', 'rotate'],
    ['agent', 'register', 'beta'],
  ]) {
    const done = await home.tally(args);
    assert.equal(done.code, 0, `${args.join(' ')}: ${done.stderr}`);
  }
  const size = (home.entries('key.rotate')[0]?.index ?? 0) + 1;
  const altered = home.entries('agent.register')[0]?.index ?? 0;
  assert.ok(altered < size - 1, 'an entry under the note');
  const folder = join(home.log, 'entries');
  const file = join(folder, readdirSync(folder).filter((name) => name.endsWith('.jsonl'))[0] ?? '');
  writeFileSync(file, readFileSync(file, 'utf8').replace('alpha', 'alphb'));

  const truth = `keys/${size}.note: the first ${size} entries are not the ones that were signed`;
  const list = await home.tally(['key', 'list']);
  assert.equal(list.code, 6);
  assert.ok(list.stderr.includes(truth), list.stderr);
  const doctor = await home.tally(['doctor']);
  assert.ok(doctor.stdout.includes(truth), doctor.stdout);
  const verify = await home.tally(['verify']);
  assert.equal(verify.code, 6, verify.stderr);
  assert.ok(verify.stdout.includes(`first bad entry: ${altered}`), verify.stdout);
  for (const { stdout, stderr } of [list, doctor, verify])
    assert.doesNotMatch(stdout + stderr, /ends before it|begun and not completed|no rotation note leads/);
});

test('many heads of one place with the same complaint are told as the first ones and a count', () => {
  const head = (size: number, name: string): HeadVerdict => ({
    ground: 'anchor',
    name,
    status: 'fail',
    size,
    note: `the first ${size} entries are not those of this head`,
  });
  const many = Array.from({ length: 24 }, (_, i) => head(i + 1, `logs/…/anchors/disk/${i + 1}.checkpoint`));
  const texts = headTexts([...many, head(9, 'heads/local/checkpoint'), { ground: 'given', status: 'pass' }]);
  assert.equal(texts.length, 5);
  assert.match(texts[0] ?? '', /disk\/1\.checkpoint of 1 entries: the first 1 entries/);
  assert.equal(texts[3], '… and 21 more of logs/…/anchors/disk that say the same');
  assert.match(texts[4] ?? '', /^heads\/local\/checkpoint of 9 entries/);
  assert.equal(headTexts(many.slice(0, 4)).length, 4);
});
