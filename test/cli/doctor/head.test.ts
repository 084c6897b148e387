import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Home, makeHome, type Result } from '../home.ts';

async function headCheck(
  home: Home,
): Promise<{ code: number | null; status?: string; detail: string; mend: string }> {
  const done = await home.tally(['doctor', '--json']);
  assert.notEqual(done.stdout, '', done.stderr);
  const { checks } = done.json() as unknown as {
    checks: readonly { name: string; status: string; detail: string; mend?: string }[];
  };
  const head = checks.find(({ name }) => name === 'head');
  return { code: done.code, status: head?.status ?? '', detail: head?.detail ?? '', mend: head?.mend ?? '' };
}

const well = (done: Result): void => assert.equal(done.code, 0, done.stderr);

test('entries that were cut off below the signed size fail the doctor and are red in the status, also when none is left', async (t) => {
  const home = makeHome(t);
  well(await home.tally(['init']));
  for (const name of ['a', 'b']) well(await home.tally(['agent', 'register', name]));
  const all = home.entries().length;
  assert.deepEqual((await headCheck(home)).status, 'ok');
  assert.match((await home.tally(['doctor'])).stderr, /not verified here: run tally verify/);

  const folder = join(home.log, 'entries');
  const file = join(folder, readdirSync(folder).filter((name) => name.endsWith('.jsonl'))[0] ?? '');
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  writeFileSync(file, `${lines.slice(0, -2).join('\n')}\n`);
  const cut = await headCheck(home);
  assert.deepEqual([cut.code, cut.status], [1, 'fail']);
  assert.match(cut.detail, new RegExp(`^${all} entries were signed, and ${all - 2} are there`));
  assert.match(cut.mend, /keep a copy.*tally verify.*restore.*tally log continue --reason/);
  const status = await home.tally(['status']);
  assert.match(status.stdout, new RegExp(`${all - 2} entries, ${all} were signed: 2 entries missing`));

  rmSync(file);
  assert.match((await headCheck(home)).detail, new RegExp(`^${all} entries were signed, and 0 are there`));
  rmSync(folder, { recursive: true });
  assert.equal((await headCheck(home)).status, 'fail');
});

test('a log that was put back together with its heads fails the doctor when an anchor holds more', async (t) => {
  const home = makeHome(t);
  const place = join(home.directory, 'other-disk');
  mkdirSync(place);
  well(await home.tally(['anchor', 'add', 'file', 'disk', place]));
  well(await home.tally(['anchor', 'run']));
  assert.equal((await headCheck(home)).status, 'ok');
  for (const part of ['logs', 'heads'])
    cpSync(join(home.directory, part), join(home.directory, 'backup', part), { recursive: true });
  for (let i = 0; i < 4; i++) well(await home.tally(['agent', 'register', `bot-${i}`]));
  well(await home.tally(['anchor', 'run']));
  for (const part of ['logs', 'heads']) {
    rmSync(join(home.directory, part), { recursive: true });
    cpSync(join(home.directory, 'backup', part), join(home.directory, part), { recursive: true });
  }
  const back = await headCheck(home);
  assert.deepEqual([back.code, back.status], [1, 'fail']);
  assert.match(back.detail, /disk.* holds a checkpoint of \d+ entries, and the log says \d+/);
});
