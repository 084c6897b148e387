import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCosigner } from '../support/witness.ts';
import { type Home, makeHome } from './home.ts';

interface Keys {
  readonly origin: string;
  readonly pinned: string | null;
  readonly problem?: string;
  readonly keys: readonly {
    readonly vkey: string;
    readonly from: number;
    readonly to?: number;
    readonly current: boolean;
    readonly pinned: boolean;
    readonly by: string;
  }[];
}

async function listed(
  home: Home,
  ...args: readonly string[]
): Promise<Keys & { readonly code: number | null }> {
  const done = await home.tally(['key', 'list', '--json', ...args]);
  return { ...(done.json() as unknown as Keys), code: done.code };
}

async function rotated(
  home: Home,
): Promise<{ readonly old: string; readonly new: string; readonly size: number }> {
  const done = await home.tally(['key', 'rotate', '--json']);
  assert.equal(done.code, 0, done.stderr);
  return done.json() as never;
}

test('key list shows every key with its bounds, and checks each rotation for that very call', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const before = await listed(home);
  assert.equal(before.code, 0);
  assert.deepEqual(
    before.keys.map(({ from, current, pinned }) => [from, current, pinned]),
    [[0, true, true]],
  );
  const [one, two] = [await rotated(home), await rotated(home)];
  const after = await listed(home);
  assert.deepEqual(
    after.keys.map(({ vkey, from, to, current, pinned, by }) => [vkey, from, to, current, pinned, by]),
    [
      [before.pinned, 0, one.size, false, true, 'checked'],
      [one.new, one.size, two.size, false, false, 'checked'],
      [two.new, two.size, undefined, true, false, 'checked'],
    ],
  );
  const told = await home.tally(['key', 'list']);
  assert.match(told.stdout, /signs now, from entry \d+, its rotation checks out/);

  const note = join(home.log, 'keys', `${one.size}.note`);
  const bytes = readFileSync(note);
  writeFileSync(note, readFileSync(join(home.log, 'keys', `${two.size}.note`)));
  const damaged = await listed(home);
  assert.equal(damaged.code, 6);
  assert.match(damaged.problem ?? '', /it is of size/);
  assert.ok(damaged.keys.every(({ by }) => by !== 'checked'));
  rmSync(note);
  assert.match((await listed(home)).problem ?? '', /it retires|remembered, and gone/);
  writeFileSync(note, bytes);
  assert.equal((await listed(home)).code, 0);
});

test('a key that was pinned is found by the origin of a log, and is not replaced by chance', async (t) => {
  const [theirs, mine] = [makeHome(t), makeHome(t)];
  await theirs.tally(['init']);
  const published = join(mine.directory, 'published');
  const origin = (await listed(theirs)).origin;
  const { old: first } = await rotated(theirs);
  const { new: other } = await rotated(theirs);
  await theirs.tally(['log', 'publish', published]);
  const verify = (...args: readonly string[]) => mine.tally(['verify', published, '--json', ...args]);
  // Both tests run on one machine, so the other log has the name that an own log would get: mine has none yet.
  assert.equal((await verify()).code, 2, 'no key is known');
  assert.equal((await mine.tally(['key', 'pin', 'no key'])).code, 2);
  assert.equal((await mine.tally(['key', 'pin', first])).code, 0);
  assert.match((await mine.tally(['key', 'pin', first])).stdout, /was trusted already/);
  assert.equal((await verify()).code, 0);
  assert.deepEqual(
    (await listed(mine, '--dir', published)).keys.map(({ vkey, pinned }) => [vkey === first, pinned]),
    [
      [true, true],
      [false, false],
      [false, false],
    ],
  );

  const refused = await mine.tally(['key', 'pin', other]);
  assert.equal(refused.code, 6);
  assert.equal(refused.error().code, 'KEY_CONFLICT');
  assert.match(refused.error().message, /Either this log's key was rotated, or somebody is passing off/);
  assert.match(refused.error().hint ?? '', /tally verify FILE --key VKEY[\s\S]*--replace/);
  assert.equal((await verify()).code, 0);
  const replaced = await mine.tally(['key', 'pin', other, '--replace', '--json']);
  assert.deepEqual([replaced.code, replaced.json().origin, replaced.json().replaced], [0, origin, true]);
  const later = await verify();
  assert.equal(later.code, 0);
  assert.match(JSON.stringify(later.json().signatures), /took over at/);
  assert.equal((await verify('--key', first, '--key', other)).code, 0);

  // The key of a log of this machine is never replaced.
  const own = await theirs.tally(['key', 'pin', other, '--replace']);
  assert.deepEqual([own.code, own.error().code], [6, 'KEY_CONFLICT']);
});

test('key rotate says what each witness and the readers of proof files need from now on', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const witness = makeCosigner(1, 'w.example/one');
  assert.equal((await home.tally(['witness', 'add', 'https://w.example', witness.vkey])).code, 0);
  const done = await home.tally(['key', 'rotate']);
  assert.equal(done.code, 0, done.stderr);
  const { keys } = await listed(home);
  const newest = keys.at(-1)?.vkey ?? '';
  assert.ok(
    done.stderr.includes(`on the witness w.example/one: tally witness trust ${newest}\n`),
    done.stderr,
  );
  assert.ok(done.stderr.includes(`tally verify FILE --key ${newest}`), done.stderr);
});

test('doctor tells of a private key that was retired and of one that lies about', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const key = join(home.directory, 'keys', 'local.key');
  const kept = join(home.directory, 'backup.key');
  cpSync(key, kept);
  const check = async (name: string) => {
    const { checks } = (await home.tally(['doctor', '--json'])).json() as unknown as {
      checks: { name: string; status: string; detail: string; mend?: string }[];
    };
    return checks.find((one) => one.name === name);
  };
  cpSync(key, `${key}.bak`);
  assert.deepEqual([(await check('retired keys'))?.status], ['warn']);
  await rotated(home);
  const left = await check('retired keys');
  assert.deepEqual([left?.status, left?.mend], ['fail', `shred -u ${key}.bak`]);
  rmSync(`${key}.bak`);
  assert.deepEqual(
    [(await check('retired keys'))?.status, (await check('key history'))?.status],
    ['ok', 'ok'],
  );

  // A crash before the old key was overwritten: the next start makes an end of it.
  cpSync(key, `${key}.next`);
  cpSync(kept, key);
  const begun = await check('retired keys');
  assert.deepEqual([begun?.status, begun?.mend], ['fail', 'tally init']);
  await home.tally(['init']);
  assert.equal(existsSync(`${key}.next`), false);
  assert.deepEqual(
    [(await check('retired keys'))?.status, (await check('signing key'))?.status],
    ['ok', 'ok'],
  );
  assert.equal((await home.tally(['verify'])).code, 0);

  rmSync(join(home.log, 'keys'), { recursive: true });
  assert.equal((await check('key history'))?.status, 'fail');
});
