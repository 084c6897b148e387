import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sha256Hex } from '../../src/core/hash.ts';
import { compilePolicy } from '../../src/core/policy/load.ts';
import { keepPolicy, keptPolicy } from '../../src/open/policy-cache.ts';
import { loadPolicy } from '../../src/open/policy-file.ts';
import { locate } from '../../src/paths.ts';

const TEXT = `version: "7"
allowlist: [api.example.com]
rules:
  - { id: big, when: 'facts.amount > 10', decision: stop }
facts: { amount: args.amount }
`;

function home(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'tally-kept-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const paths = locate({ env: { TALLY_HOME: directory }, home: directory, tmp: directory, uid: 0 });
  mkdirSync(paths.registry);
  return { paths, file: join(paths.registry, 'policy-compiled.json') };
}

test('what was kept of a policy is that policy, for its very text alone', async (t) => {
  const { paths } = home(t);
  assert.equal(await keptPolicy(paths, TEXT), undefined);
  const policy = compilePolicy(TEXT, { id: 'local' });
  await keepPolicy(paths, policy);
  const found = await keptPolicy(paths, TEXT);
  assert.deepEqual(found, policy);
  assert.equal(await keptPolicy(paths, `${TEXT}\n`), undefined);
});

test('a file that was cut short, altered, of another build or no policy at all counts for nothing', async (t) => {
  const { paths, file } = home(t);
  await keepPolicy(paths, compilePolicy(TEXT, { id: 'local' }));
  const kept = readFileSync(file, 'utf8');
  const [build] = kept.split(' ', 1);
  const body = kept.slice(kept.indexOf('\n') + 1);
  for (const text of [
    kept.slice(0, -2),
    kept.replace('{', '{ '),
    `0000000000000000\n${body}`,
    `${build} ${sha256Hex(body)}\n`,
    ...['', 'no policy', 'null', '[]', '{}'].map((said) => `${build} ${sha256Hex(said)}\n${said}`),
    kept.replace('"id":"local"', '"id":"other"'),
    '',
    '\n',
    'x'.repeat(2_000_000),
  ]) {
    writeFileSync(file, text);
    assert.equal(await keptPolicy(paths, TEXT), undefined, text.slice(0, 40));
  }
});

test('an edit of the policy file is seen by the next start, and an unreadable one stops whatever was kept', async (t) => {
  const { paths } = home(t);
  const warned: string[] = [];
  const load = () => loadPolicy(paths, (line) => warned.push(line));
  writeFileSync(paths.policyFile, TEXT);
  const first = await load();
  assert.deepEqual(await load(), first);
  writeFileSync(paths.policyFile, TEXT.replace('"7"', '"8"'));
  assert.equal((await load()).compiled.version, '8');
  writeFileSync(paths.policyFile, 'version: [\n');
  assert.notEqual((await load()).unreadable, undefined);
  assert.equal(warned.length, 1);
  writeFileSync(paths.policyFile, TEXT);
  assert.equal((await load()).hash, first.hash);
});
