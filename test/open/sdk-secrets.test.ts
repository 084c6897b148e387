/** `tallystick/secrets` in a program of its own: the value, the record, the refusal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ancestryOf } from '../../src/capture/agent/ancestry.ts';
import { openVault } from '../../src/capture/secrets/vault.ts';
import type { Entry } from '../../src/core/entry.ts';

const underAgent = ancestryOf(process.ppid).agent;
const ENTRY = new URL('../../src/secrets.ts', import.meta.url).href;

async function machine(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'tally-sdk-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const value = `value-${randomBytes(12).toString('hex')}`;
  const vault = openVault({
    path: join(directory, 'vault', 'secrets.vault'),
    key: { path: join(directory, 'keys', 'vault.key') },
  });
  await vault.set('KEY', value);
  await vault.set('BINARY', Buffer.from([0xff, 0, 0xfe, 1, 2, 3, 4]));
  vault.close();
  const script = join(directory, 'program.mjs');
  return {
    value,
    /** A program of that text, `secrets` imported; what it prints, parsed. */
    run(
      text: string,
      env: Record<string, string> = {},
      first = `import * as secrets from ${JSON.stringify(ENTRY)};\n`,
    ) {
      writeFileSync(script, first + text);
      const done = spawnSync(process.execPath, [script], {
        cwd: directory,
        encoding: 'utf8',
        timeout: 60_000,
        env: { PATH: process.env.PATH, TALLY_HOME: directory, XDG_RUNTIME_DIR: join(directory, 'r'), ...env },
      });
      assert.equal(done.status, 0, done.stderr);
      return { printed: JSON.parse(done.stdout) as unknown, stderr: done.stderr };
    },
    entries(): readonly Entry[] {
      const folder = join(directory, 'logs', 'local', 'entries');
      return readdirSync(folder)
        .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Entry)
        .filter(({ type }) => type === 'secret.access');
    },
  };
}

test('a program gets a value, and the record says which program, what for and what served it', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { run, entries, value } = await machine(t);
  const { printed, stderr } = run(
    `const value = await secrets.get('KEY', { reason: 'nightly backup' });
     const bytes = await secrets.getBytes('BINARY');
     const refused = await secrets.get('BINARY').catch((error) => [error.code, error.message]);
     const missing = await secrets.get('NONE').catch((error) => [error.code, error instanceof secrets.TallyError]);
     console.log(JSON.stringify([value, [...bytes], refused, missing]));`,
  );
  assert.deepEqual(printed, [
    value,
    [0xff, 0, 0xfe, 1, 2, 3, 4],
    ['USAGE', 'the value of BINARY is not UTF-8 text'],
    ['SECRET_NOT_FOUND', true],
  ]);
  assert.equal(stderr, '');
  const [pre, post, ...more] = entries();
  assert.equal(more.length, 6);
  assert.deepEqual(
    [pre?.source.surface, pre?.metadata?.caller, pre?.reason, pre?.secret?.key],
    ['sdk', 'program.mjs', 'nightly backup', 'KEY'],
  );
  assert.deepEqual(
    [post?.secret?.found, post?.secret?.provider, post?.parent_id],
    ['found', 'tally://', pre?.id],
  );
  assert.ok(!JSON.stringify(entries()).includes(value));
});

test('an agent’s program needs a reason too, and is refused on record', async (t) => {
  const { run, entries, value } = await machine(t);
  const text = `console.log(JSON.stringify(await secrets.get('KEY').catch(({ code, details }) => [code, details.kind])));`;
  assert.deepEqual(run(text, { CODEX_SANDBOX: '1' }).printed, ['STOPPED', 'reason_required']);
  assert.equal(run(text, { CODEX_SANDBOX: '1', TALLY_REASON: 'to test' }).printed, value);
  assert.equal(entries()[0]?.outcome?.error_kind, 'reason_required');
  assert.equal(entries()[0]?.actor?.detected?.agent, 'codex');
});

test('importing it loads no server, no command line, no recorder and no store', async (t) => {
  const { run } = await machine(t);
  const { printed } = run(
    `import { registerHooks } from 'node:module';
     const loaded = [];
     registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
     await import(${JSON.stringify(ENTRY)});
     const ours = loaded.filter((url) => url.includes('/src/')).map((url) => url.split('/src/')[1]);
     console.log(JSON.stringify([ours.includes('open/secrets.ts'), ours.filter((path) => /^(server|cli|recorder|store)/.test(path))]));`,
    {},
    '',
  );
  assert.deepEqual(printed, [true, []]);
});
