import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { isBoundedKdf } from '../../src/capture/secrets/seal.ts';
import { readOperatorFile } from '../../src/cli/operator/file.ts';
import { terminalId } from '../../src/cli/operator/terminal.ts';
import { openOperator } from '../../src/cli/operator.ts';
import { sha256Hex } from '../../src/core/hash.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { operatorPath } from '../../src/home.ts';
import { operatorGate } from '../../src/open/operator-gate.ts';
import { locate } from '../../src/paths.ts';

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'tally-operator-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const env = { TALLY_HOME: root, XDG_RUNTIME_DIR: join(root, 'run') };
  const paths = locate({ env, home: root, tmp: root, uid: 0 });
  const clock = { now: 1_800_000_000_000 };
  const open = (terminal = 'a') => openOperator(paths, { now: () => clock.now, terminal: () => terminal });
  return { paths, clock, open, file: operatorPath(paths) };
}

const passphrase = (): string => randomBytes(9).toString('base64url');
const required = { code: 'OPERATOR_REQUIRED' };

test('before the first start there is no operator secret and nothing to present', (t) => {
  const operator = fixture(t).open();
  assert.deepEqual(operator.state(), { kind: 'none' });
  assert.equal(operator.token(), undefined);
});

test('without a passphrase the token lies open, and its hash is what the writer checks', (t) => {
  const { open, file } = fixture(t);
  open().ensure();
  assert.deepEqual(open().state(), { kind: 'open' });
  assert.equal(sha256Hex(open().token() ?? ''), readOperatorFile(file)?.token_hash);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('making it again keeps the one that is there', (t) => {
  const { open } = fixture(t);
  open().ensure();
  const first = open().token();
  open().ensure();
  assert.equal(open().token(), first);
});

test('a passphrase locks the secret until it is given, and replaces the token that lay open', async (t) => {
  const { open, file } = fixture(t);
  open().ensure();
  const old = open().token() ?? '';
  const secret = passphrase();
  await open().protect(secret);
  assert.deepEqual(open().state(), { kind: 'locked' });
  assert.equal(open().token(), undefined);
  const { until } = await open().unlock(secret);
  assert.deepEqual(open().state(), { kind: 'unlocked', until });
  const token = open().token() ?? '';
  assert.notEqual(token, old);
  assert.equal(sha256Hex(token), readOperatorFile(file)?.token_hash);
  for (const value of [token, secret, old]) assert.ok(!readFileSync(file, 'utf8').includes(value));
});

test('the writer takes the unlocked token and no other, and sees a new passphrase at once', async (t) => {
  const { open, paths } = fixture(t);
  const gate = operatorGate(paths);
  assert.equal(await gate.isProtected(), false);
  assert.equal(await gate.check('opr_x'), false);
  open().ensure();
  const old = open().token() ?? '';
  assert.equal(await gate.check(old), true);
  const secret = passphrase();
  await open().protect(secret);
  assert.equal(await gate.isProtected(), true);
  assert.equal(await gate.check(old), false);
  await open().unlock(secret);
  assert.equal(await gate.check(open().token() ?? ''), true);
});

test('the writer does not take a damaged file for an unprotected one', async (t) => {
  const { open, paths, file } = fixture(t);
  open().ensure();
  writeFileSync(file, '{}');
  await assert.rejects(operatorGate(paths).isProtected());
});

test('a wrong passphrase unlocks nothing', async (t) => {
  const { open } = fixture(t);
  open().ensure();
  await open().protect(passphrase());
  await assert.rejects(open().unlock(passphrase()), required);
  assert.equal(open().token(), undefined);
});

test('an unlock ends after its time, with lock, in another terminal, and with a new passphrase', async (t) => {
  const { open, clock } = fixture(t);
  open().ensure();
  const secret = passphrase();
  await open().protect(secret);

  await open().unlock(secret);
  assert.equal(open('b').token(), undefined);
  clock.now += LIMITS.operatorUnlockMs;
  assert.equal(open().token(), undefined);

  await open().unlock(secret);
  open().lock();
  assert.equal(open().token(), undefined);

  await open('b').unlock(secret);
  await open('a').protect(passphrase());
  assert.equal(open('b').token(), undefined);
});

test('a clock that was set back does not prolong an unlock', async (t) => {
  const { open, clock } = fixture(t);
  open().ensure();
  const secret = passphrase();
  await open().protect(secret);
  await open().unlock(secret);
  clock.now -= 86_400_000;
  assert.equal(open().token(), undefined);
});

test('the same passphrase in another Unicode form is the same passphrase', async (t) => {
  const { open } = fixture(t);
  open().ensure();
  const composed = `${passphrase()}\u00e9`;
  await open().protect(composed);
  await open().unlock(composed.normalize('NFD'));
  assert.ok(open().token());
});

test('a short passphrase is refused and the secret stays as it was', async (t) => {
  const { open } = fixture(t);
  open().ensure();
  await assert.rejects(open().protect('short'), { code: 'USAGE' });
  assert.deepEqual(open().state(), { kind: 'open' });
});

test('a file that others can read is refused, not repaired', (t) => {
  const { open, file } = fixture(t);
  open().ensure();
  chmodSync(file, 0o644);
  assert.throws(() => open().token(), { code: 'VAULT_UNREADABLE' });
});

test('an altered file is refused or does not open; no bytes crash it or make it compute without bound', async (t) => {
  const { open, file } = fixture(t);
  open().ensure();
  await open().protect(passphrase());
  const good = readFileSync(file, 'utf8');
  const spot = fc.record({ at: fc.nat(good.length - 1), text: fc.string({ maxLength: 8 }) });
  fc.assert(
    fc.property(spot, ({ at, text }) => {
      writeFileSync(file, good.slice(0, at) + text + good.slice(at + text.length));
      try {
        const read = readOperatorFile(file);
        if (read?.protected === true) assert.ok(isBoundedKdf(read.kdf));
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'BAD_CONFIG');
      }
    }),
  );
  const greedy = JSON.parse(good) as { kdf: { n: number } };
  greedy.kdf.n = 2 ** 30;
  writeFileSync(file, JSON.stringify(greedy));
  assert.throws(() => readOperatorFile(file), { code: 'BAD_CONFIG' });
});

test('one process always names its terminal alike', () => {
  assert.equal(terminalId(), terminalId());
  assert.notEqual(terminalId(), '');
});
