/** What alerts are told of the machine, through the built program: a log that is changed, and a disk that is too small. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Home, readyHome } from '../cli/home.ts';

async function withRules(
  t: TestContext,
  rules: string,
): Promise<{ home: Home; change(rules: string): void }> {
  const { home } = await readyHome(t);
  const policy = join(home.directory, 'tally.policy.yaml');
  const before = readFileSync(policy, 'utf8');
  const change = (text: string): void =>
    writeFileSync(policy, `${before}alerts:\n  defaults: false\n  rules:\n    - ${text}\n`, { mode: 0o600 });
  change(rules);
  return { home, change };
}

const ends = (home: Home) =>
  home
    .entries()
    .filter(({ type }) => type === 'alert.raise' || type === 'alert.close')
    .map(({ type, metadata }) => {
      const { rule, severity, why } = metadata as Readonly<Record<string, string | undefined>>;
      return [type, rule, severity, ...(why === undefined ? [] : [why])].join(' ');
    });

test('a log that is changed under a running recorder is told within a verification, and that it is whole again, too', async (t) => {
  const { home } = await withRules(t, '{ name: tampering, kind: verification_failed, every: 1s }');
  const { started } = await home.up();
  const folder = join(home.log, 'entries');
  const name = readdirSync(folder).sort()[0] ?? '';
  const path = join(folder, name);
  const before = readFileSync(path);
  const at = before.indexOf('"version"');
  assert.notEqual(at, -1);
  const changed = Buffer.from(before);
  changed[at + 1] = 'w'.charCodeAt(0);
  // In place, and only that byte: the recorder appends to the same file.
  const put = (bytes: Buffer): void => {
    const fd = openSync(path, 'r+');
    writeSync(fd, bytes, at, 4, at);
    closeSync(fd);
  };
  put(changed);
  const shown = await started.until(/ALERT critical.* tampering: /);
  assert.match(shown, /tampering: verification failed: .*Keep a copy, and run: tally verify/);
  put(before);
  await started.until(/alert over \(resolved\): tampering, the log/);
  started.process.kill('SIGTERM');
  assert.equal((await started.ended).code, 0);
  assert.deepEqual(ends(home).slice(0, 2), [
    'alert.raise tampering critical',
    'alert.close tampering critical resolved',
  ]);
});

test('a disk with less than a rule asks for is told at once, and that there is enough when the rule asks for less', async (t) => {
  const { home, change } = await withRules(t, '{ name: disk, kind: disk_low, free: 900000TiB }');
  const { started } = await home.up();
  const shown = await started.until(/ALERT critical.* disk: /);
  assert.match(
    shown,
    /disk: .* are free on the disk of the log, less than 900000\.0 TiB; a full disk stops every call/,
  );
  change('{ name: disk, kind: disk_low, free: 1KiB }');
  await started.until(/alert over \(resolved\): disk, the disk of the log/);
  started.process.kill('SIGTERM');
  assert.equal((await started.ended).code, 0);
  assert.deepEqual(ends(home), ['alert.raise disk critical', 'alert.close disk critical resolved']);
});
