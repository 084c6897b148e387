import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkClaudeCode } from '../../../src/cli/commands/doctor/claude-code.ts';
import { locate } from '../../../src/paths.ts';
import { stage } from '../../capture/hook/stage.ts';

test('hooks that were taken out, switched off, opened or refused are told with what mends them', async (t) => {
  const { home, entries } = await stage(t, { closed: true });
  const paths = locate({ env: { TALLY_HOME: home }, home, tmp: home, uid: 0 });
  const file = join(home, 'settings.json');
  const text = readFileSync(file, 'utf8');
  const look = async (changed: string | undefined, isRunning = true) => {
    if (changed === undefined) rmSync(file);
    else writeFileSync(file, changed);
    const [check] = await checkClaudeCode({ paths, env: { PATH: '/nonexistent' } }, isRunning);
    return `${check?.status}: ${check?.detail}`;
  };
  assert.match(await look(text.replace('"Stop":', '"Stopp":')), /^fail: .* has no hook for Stop$/);
  assert.match(await look(text.replace('{', '{"disableAllHooks":true,')), /^fail: .*disableAllHooks/);
  assert.match(await look(text.replaceAll('"block"', '"continue"')), /^fail: .*lets tools run/);
  assert.match(await look(text.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:1')), /^fail: .*nobody answers at/);
  assert.match(await look('{"a":'), /^fail: .*it ends too early/);
  assert.match(await look(text, false), /^skip: .*no recorder runs/);
  // The post arrives; the command of this test's settings is nowhere on PATH.
  assert.match(await look(text), /^fail: the command of .* for SessionStart does not work/);
  assert.equal(entries('step.note').at(-1)?.metadata?.hook, 'TallyTest');
  assert.match(await look(undefined), /^fail: .* is gone/);
  writeFileSync(join(home, 'claude-code-hooks.json'), '{');
  assert.match(await look(text), /^fail: .*cannot be read as the list of installed hooks/);
});
