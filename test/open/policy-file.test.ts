/** The policy file of a machine: edits are taken up with the next call, and refused ones are told once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { textAt } from '../../src/core/query/fields.ts';
import { openSession } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { openReader } from '../../src/reader.ts';

async function machine(t: TestContext, text: string) {
  const home = mkdtempSync(join(tmpdir(), 'tally-policy-'));
  const paths = locate({ env: { TALLY_HOME: home }, home, tmp: tmpdir(), uid: process.getuid?.() ?? 0 });
  writeFileSync(paths.policyFile, text);
  const session = await openSession({
    paths,
    client: { surface: 'cli', user: 'kim' },
    onWarning: () => undefined,
  });
  t.after(async () => {
    await session.close();
    rmSync(home, { recursive: true, force: true });
  });
  const changes = async (): Promise<readonly JsonObject[]> => {
    await session.ask('checkpoint', {});
    const { reader } = openReader(paths);
    const entries: JsonObject[] = [];
    for (const { first } of await reader.segments())
      for await (const block of reader.read(first, 0))
        for (const line of Buffer.from(block).toString('utf8').split('\n'))
          if (line.includes('"policy.change"')) entries.push(JSON.parse(line) as JsonObject);
    return entries;
  };
  const allows = async (url: string): Promise<string> =>
    (await session.ask('policy.explain', { call: { url } })).decision.outcome;
  return { paths, session, changes, allows };
}

const ONE = 'version: "1"\nallowlist: [one.example]\n';
const TWO = 'version: "2"\nallowlist: [two.example]\n';

test('an edit is in force with the next call, and in the log with the hashes before and after', async (t) => {
  const { paths, session, changes, allows } = await machine(t, ONE);
  const before = session.recorder?.policy().hash;
  assert.deepEqual(
    [await allows('https://one.example'), await allows('https://two.example')],
    ['allow', 'stop'],
  );
  writeFileSync(paths.policyFile, TWO);
  assert.equal(await session.reloadPolicy(), true);
  assert.deepEqual(
    [await allows('https://one.example'), await allows('https://two.example')],
    ['stop', 'allow'],
  );
  assert.equal(await session.reloadPolicy(), false);
  const [change, ...more] = await changes();
  assert.deepEqual(more, []);
  assert.deepEqual(change?.metadata, {
    before: { version: '1', hash: before },
    after: { version: '2', hash: session.recorder?.policy().hash },
    file_edited: true,
  });
  assert.deepEqual(change?.actor, { identity_level: 'anonymous', os: { uid: process.getuid?.() } });
  assert.deepEqual(change?.quality, { 'actor.os': 'inferred' });
});

test('an edit that does not compile is refused, the one in force stays, and that is recorded once', async (t) => {
  const { paths, session, changes, allows } = await machine(t, ONE);
  const refused = async (text: string): Promise<void> => {
    writeFileSync(paths.policyFile, text);
    await assert.rejects(session.reloadPolicy(), { code: 'POLICY_INVALID' });
  };
  await refused('version: "2"\nallowlst: []\n');
  await refused('version: "2"\nallowlst: []\n');
  await refused('version: 2\n');
  assert.equal(await allows('https://one.example'), 'allow');
  const [first, second, ...more] = await changes();
  assert.deepEqual(more, []);
  assert.equal(textAt(first, 'outcome', 'status'), 'error');
  assert.match(textAt(first, 'outcome', 'error') ?? '', /line 2, column 1: unknown key "allowlst"/);
  assert.match(textAt(second, 'outcome', 'error') ?? '', /version has to be text/);
  assert.equal(textAt(first, 'metadata', 'after', 'hash'), undefined);
  // Mended, and broken in the same way again: that is news.
  writeFileSync(paths.policyFile, TWO);
  assert.equal(await session.reloadPolicy(), true);
  await refused('version: 2\n');
  assert.equal((await changes()).length, 4);
});

test('asking what would be decided records nothing, and counts nothing', async (t) => {
  const { session, allows } = await machine(t, `${ONE}defaults: { interactive: { rate: 2/m } }\n`);
  const size = session.recorder?.size();
  for (let i = 0; i < 5; i++) assert.equal(await allows('https://one.example'), 'allow');
  assert.equal(session.recorder?.size(), size);
});

test('a change by a command has the person, the reason and both hashes', async (t) => {
  const { session, changes } = await machine(t, ONE);
  const before = session.recorder?.policy().hash;
  const done = await session.ask('policy.set', { text: TWO, reason: 'two is better' });
  assert.equal(done.changed, true);
  const [change] = await changes();
  assert.equal(change?.reason, 'two is better');
  assert.equal(textAt(change, 'actor', 'user', 'id'), 'kim');
  assert.deepEqual(change?.metadata, {
    before: { version: '1', hash: before },
    after: { version: '2', hash: done.hash },
  });
});
