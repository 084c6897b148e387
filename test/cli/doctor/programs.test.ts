import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from '../home.ts';

const CURL = spawnSync('sh', ['-c', 'command -v curl'], { encoding: 'utf8' }).stdout.trim();

test('doctor --programs tells which programs a run sees, which it does not see, and which do not take its certificates', {
  skip: CURL === '' ? 'there is no curl here' : false,
}, async (t) => {
  const home = makeHome(t);
  const bin = join(home.directory, 'bin');
  mkdirSync(bin);
  const script = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  symlinkSync(CURL, join(bin, 'curl'));
  script('git', 'exit 0');
  writeFileSync(join(home.directory, 'none.pem'), '');
  script('wget', `for url; do :; done; exec ${CURL} -sS --cacert ${join(home.directory, 'none.pem')} "$url"`);

  const before = await home.tally(['doctor', '--programs', '--json'], { env: { PATH: bin } });
  assert.match(before.stdout, /"programs",\s*"status": "skip"/);
  await home.tally(['run', '-q', '--', process.execPath, '-e', '0']);
  const entries = home.entries().length;
  const after = await home.tally(['doctor', '--programs', '--json'], { env: { PATH: bin } });
  const { checks } = after.json() as unknown as {
    readonly checks: readonly { readonly name: string; readonly status: string; readonly mend?: string }[];
  };
  const told = checks.filter(({ name }) => name.startsWith('run: '));
  assert.deepEqual(
    told.map(({ name, status }) => [name, status]),
    [
      ['run: curl', 'ok'],
      ['run: wget', 'fail'],
      ['run: git', 'warn'],
      ['run: python3', 'skip'],
      ['run: node', 'skip'],
    ],
  );
  assert.ok(told.every(({ status, mend }) => status === 'ok' || status === 'skip' || mend !== undefined));
  assert.equal(home.entries().length, entries, 'nothing is recorded');
});
