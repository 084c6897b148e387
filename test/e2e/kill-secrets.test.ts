/** `tally secrets set` and `import` killed at any moment: the vault is whole, old or new, and nothing in it is off the record. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { type Home, makeHome, type StoredEntry } from '../cli/home.ts';

const KILLS = Number(process.env.TALLY_TEST_KILLS ?? 10);
const NAMES = Array.from({ length: 12 }, (_, i) => `KEY_${i}`);
const env = { TALLY_REASON: 'a test' };

function vaultOf(home: Home): ReadonlyMap<string, string> {
  const vault = openVault({
    path: join(home.directory, 'vault', 'secrets.vault'),
    key: { path: join(home.directory, 'keys', 'vault.key') },
  });
  const found = new Map(vault.entries().map(({ name, value }) => [name, value.toString()]));
  vault.close();
  return found;
}

const begun = (entries: readonly StoredEntry[]): number =>
  entries.filter(({ phase }) => phase === 'pre_exec').length;

test(`killed ${KILLS} times while secrets are set and imported: never corrupt, never half, never unrecorded`, {
  timeout: 600_000,
}, async (t) => {
  const home = makeHome(t);
  assert.equal((await home.tally(['secrets', 'set', 'KEY_0'], { stdin: 'value-at-first', env })).code, 0);
  const started = performance.now();
  await home.tally(['secrets', 'set', 'KEY_0'], { stdin: 'value-at-second', env });
  const whole = performance.now() - started;
  const file = join(home.directory, 'many.env');
  let changes = 0;
  let cut = 0;
  for (let round = 0; round < KILLS; round++) {
    const before = vaultOf(home);
    const recorded = begun(home.entries('secret.access'));
    const importing = round % 2 === 1;
    const fresh = new Map(
      NAMES.slice(0, importing ? NAMES.length : 1).map((name) => [
        name,
        `${name}-${round}-${randomBytes(12).toString('hex')}`,
      ]),
    );
    if (importing) writeFileSync(file, [...fresh].map(([name, value]) => `${name}=${value}\n`).join(''));
    const args = importing
      ? ['secrets', 'import', '--from', `dotenv:${file}`, '--overwrite', ...NAMES]
      : ['secrets', 'set', 'KEY_0'];
    const run = home.start(args, { stdin: fresh.get('KEY_0') ?? '', env });
    // Most of a start is loading: the kills are spread over the second half of it, and a little beyond.
    setTimeout(() => run.process.kill('SIGKILL'), whole * (0.4 + (0.8 * ((round * 37) % KILLS)) / KILLS));
    if (run.process.exitCode === null) await once(run.process, 'close');
    const { code } = await run.ended;
    if (code === null) cut++;

    const after = vaultOf(home);
    let changed = 0;
    for (const [name, value] of after) {
      const was = before.get(name);
      assert.ok(value === was || value === fresh.get(name), `round ${round}: ${name} is neither old nor new`);
      if (value !== was) changed++;
    }
    for (const name of before.keys()) assert.ok(after.has(name), `round ${round}: ${name} is gone`);
    if (changed > 0) {
      changes++;
      assert.equal(
        begun(home.entries('secret.access')),
        recorded + 1,
        `round ${round}: a change without a record`,
      );
    }
    if (code === 0) assert.equal(changed, fresh.size, `round ${round}: it said that it was done`);
  }
  assert.ok(cut > 0, 'no kill came in time');
  t.diagnostic(`${KILLS} kills: ${cut} in time, ${changes} with a change in the vault`);

  // Whatever was cut short is closed, the log is whole, and the vault can be written.
  assert.equal((await home.tally(['secrets', 'set', 'KEY_0'], { stdin: 'value-at-last', env })).code, 0);
  assert.equal(vaultOf(home).get('KEY_0'), 'value-at-last');
  const verified = await home.tally(['verify', '--json']);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  const entries = home.entries('secret.access');
  const ends = new Set(
    entries.filter(({ phase }) => phase === 'post_exec').map(({ parent_id }) => parent_id),
  );
  const open = entries.filter(({ phase, id }) => phase === 'pre_exec' && !ends.has(id));
  assert.deepEqual(
    open.map(({ id }) => id),
    [],
    'every access has its end',
  );
  const left = readdirSync(join(home.directory, 'vault')).filter(
    (name) => !/^secrets\.vault(\.lock|\.tmp)?$/.test(name),
  );
  assert.deepEqual(left, []);
});
