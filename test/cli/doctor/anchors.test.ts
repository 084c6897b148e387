import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AnchorFacts, judgeAnchorFacts } from '../../../src/cli/commands/doctor/anchors.ts';
import { type Home, makeHome } from '../home.ts';

const HOUR = 3_600_000;
const facts = (more: Partial<AnchorFacts>): AnchorFacts => ({
  name: 'disk',
  every_s: 3_600,
  last: { size: 1_234, at: '2027-01-01T00:00:00Z' },
  lag_ms: 9 * HOUR,
  ...more,
});

test('an anchor is overdue when entries waited for more than three intervals, not when there is nothing new', () => {
  assert.deepEqual(judgeAnchorFacts([facts({})]), {
    name: 'anchors',
    status: 'ok',
    detail: 'disk: last receipt over 1,234 entries, 9h 00m ago',
  });
  assert.equal(judgeAnchorFacts([facts({ waiting_ms: 3 * HOUR })]).status, 'ok');
  const late = judgeAnchorFacts([
    facts({ name: 'other', waiting_ms: 0 }),
    facts({ waiting_ms: 3 * HOUR + 1 }),
  ]);
  assert.deepEqual([late.status, late.mend], ['warn', 'tally anchor run disk']);
  assert.match(late.detail, /other: .*; disk: .*, overdue: entries wait for 3h 00m$/);
});

test('a failure is told with its reason; a conflict fails, because somebody put the log back or forked it', () => {
  const failing = { code: 'ANCHOR_FAILED', message: 'it is not mounted' };
  const told = judgeAnchorFacts([facts({ failing }), facts({ name: 'b', failing })]);
  assert.deepEqual([told.status, told.mend], ['warn', 'tally anchor run']);
  assert.match(told.detail, /failing: it is not mounted/);
  const conflict = judgeAnchorFacts([facts({ failing: { ...failing, code: 'ANCHOR_CONFLICT' } })]);
  assert.deepEqual([conflict.status, /tally verify/.test(conflict.mend ?? '')], ['fail', true]);
  assert.equal(judgeAnchorFacts([]).status, 'skip');
});

interface Report {
  readonly checks: readonly { name: string; status: string; detail: string; mend?: string }[];
}

async function anchorsCheck(home: Home) {
  const done = await home.tally(['doctor', '--json']);
  assert.notEqual(done.stdout, '', done.stderr);
  const { checks } = done.json() as unknown as Report;
  return checks.find(({ name }) => name === 'anchors');
}

test('the doctor looks at receipts and at failures on record, also when nothing runs', async (t) => {
  const home = makeHome(t);
  const place = join(home.directory, 'other-disk');
  const gone = join(home.directory, 'unmounted');
  mkdirSync(place);
  assert.equal((await home.tally(['init'])).code, 0);
  assert.equal((await anchorsCheck(home))?.status, 'skip');

  assert.equal((await home.tally(['anchor', 'add', 'file', 'disk', place, '--every', '10s'])).code, 0);
  assert.equal((await home.tally(['anchor', 'run'])).code, 0);
  // Its own entry came after the receipt, and is no news.
  const well = await anchorsCheck(home);
  assert.deepEqual(
    [well?.status, /^disk: last receipt over \d+ entries/.test(well?.detail ?? '')],
    ['ok', true],
  );

  // A checkpoint that cannot be read is no reason to deny receipts.
  const checkpoint = join(home.directory, 'logs', 'local', 'checkpoint');
  const bytes = readFileSync(checkpoint);
  for (const lose of [() => writeFileSync(checkpoint, ''), () => rmSync(checkpoint)]) {
    lose();
    assert.match((await anchorsCheck(home))?.detail ?? '', /^disk: last receipt over \d+ entries/);
    assert.doesNotMatch((await home.tally(['status'])).stdout, /nothing yet/);
  }
  writeFileSync(checkpoint, bytes);

  // A mount that is gone, and back again.
  cpSync(place, gone, { recursive: true });
  rmSync(place, { recursive: true });
  assert.equal((await home.tally(['agent', 'register', 'deploy-bot'])).code, 0);
  assert.equal((await home.tally(['anchor', 'run'])).code, 1);
  const failing = await anchorsCheck(home);
  assert.deepEqual([failing?.status, failing?.mend], ['warn', 'tally anchor run disk']);
  assert.match(failing?.detail ?? '', /failing: .*other-disk/);
  cpSync(gone, place, { recursive: true });
  assert.equal((await home.tally(['anchor', 'run'])).code, 0);
  assert.equal((await anchorsCheck(home))?.status, 'ok');
});

test('the verification at the end of a run looks at anchors', async (t) => {
  const home = makeHome(t);
  const place = join(home.directory, 'other-disk');
  mkdirSync(place);
  const run = () => home.tally(['run', '--verify-exit', '--', process.execPath, '-e', '0']);
  assert.equal((await home.tally(['anchor', 'add', 'file', 'disk', place])).code, 0);
  assert.equal((await home.tally(['anchor', 'run'])).code, 0);
  for (const part of ['logs', 'heads'])
    cpSync(join(home.directory, part), join(home.directory, 'backup', part), { recursive: true });
  for (let i = 0; i < 8; i++) await home.tally(['agent', 'register', `bot-${i}`]);
  assert.equal((await home.tally(['anchor', 'run'])).code, 0);
  assert.equal((await run()).code, 0);
  for (const part of ['logs', 'heads']) {
    rmSync(join(home.directory, part), { recursive: true });
    cpSync(join(home.directory, 'backup', part), join(home.directory, part), { recursive: true });
  }
  // Put back from one backup, the log and its heads agree: only the anchor holds more.
  const done = await run();
  assert.equal(done.code, 6, done.stderr);
});
