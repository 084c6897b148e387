/** The OpenAI Agents SDK has handlers of its own for signals, which leave the program to others where there are others. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { entriesIn } from '../fault/check.ts';

const PROGRAM = fileURLToPath(new URL('openai-slow.ts', import.meta.url));

interface Stored {
  readonly type: string;
  readonly phase: string;
  readonly outcome?: { readonly status: string };
}

it('a program with an agent in it ends by a signal, and its run with it', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'tally-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const { TALLY_URL: _url, ...env } = process.env;
  const child = spawn(process.execPath, [PROGRAM, home], {
    env: { ...env, XDG_RUNTIME_DIR: home, NODE_ENV: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(said.toString(), 'slow\n');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  const [code, signal] = (await ended) as [number | null, string | null];
  clearTimeout(late);
  assert.deepEqual([code, signal], [0, null]);
  const entries = entriesIn(home) as unknown as readonly Stored[];
  assert.equal(entries.find(({ type }) => type === 'run.end')?.outcome?.status, 'aborted');
  const acts = entries.filter(({ type }) => type.startsWith('tool.'));
  assert.deepEqual(
    acts.map(({ phase, outcome }) => [phase, outcome?.status]),
    [
      ['pre_exec', undefined],
      ['post_exec', 'unknown'],
    ],
  );
});
