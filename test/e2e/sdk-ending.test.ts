/** However a program ends, its run does: over the socket of a recorder that lives on, and with the log in its own process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSession, type Session } from '../../src/open.ts';
import { entriesIn } from '../fault/check.ts';
import { type Home, makeHome } from '../support/home.ts';

const PROGRAM = fileURLToPath(new URL('../fault/sdk-ending.ts', import.meta.url));

interface Stored {
  readonly type: string;
  readonly actor?: { readonly agent_id?: string };
  readonly outcome?: { readonly status: string; readonly error_kind?: string };
}

describe('a program in the middle of its run', () => {
  let home: Home;
  before(async () => {
    home = await makeHome();
  });
  after(() => home.remove());

  async function play(how: string) {
    const child = spawn(process.execPath, [PROGRAM, how], {
      env: home.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.once('close', (...ended) => resolve(ended)),
    );
    return { code, signal, stderr };
  }
  const own = (how: string): readonly string[] =>
    (entriesIn(home.paths.state) as unknown as readonly Stored[])
      .filter(({ actor }) => actor?.agent_id === how)
      .map(({ type, outcome }) =>
        [type, outcome?.status, outcome?.error_kind].filter((one) => one !== undefined).join(' '),
      );
  const first = ['run.start', 'tool.call', 'tool.result ok', 'user.message'];

  it('with a recorder beside it: its last words and how it ended are on record, and it ends as it would have', async () => {
    const session: Session = await openSession({
      paths: home.paths,
      client: { surface: 'cli' },
      onWarning: () => undefined,
      require: 'writer',
    });
    const ends = await Promise.all(['exit', 'uncaught', 'rejected', 'signal', 'nothing', 'own'].map(play));
    await session.close();
    const [exit, uncaught, rejected, signal, nothing, handled] = ends;
    assert.equal(exit?.code, 3);
    assert.deepEqual(own('exit'), [...first, 'run.end error process_exit']);
    assert.equal(uncaught?.code, 1);
    assert.match(uncaught?.stderr ?? '', /Error: nobody catches this/);
    assert.deepEqual(own('uncaught'), [...first, 'error error Error', 'run.end error uncaught_exception']);
    assert.equal(rejected?.code, 1);
    assert.deepEqual(own('rejected'), [...first, 'error error Error', 'run.end error unhandled_rejection']);
    assert.equal(signal?.signal, 'SIGTERM');
    assert.deepEqual(own('signal'), [
      ...first,
      'tool.call',
      'tool.result aborted SIGTERM',
      'run.end aborted SIGTERM',
    ]);
    assert.equal(nothing?.code, 13, 'as Node ends what waits for nothing');
    assert.deepEqual(own('nothing').slice(-2), [
      'tool.result aborted process_end',
      'run.end aborted process_end',
    ]);
    assert.equal(handled?.code, 5, 'a program that handles its signals still does');
    assert.deepEqual(own('own'), [...first, 'run.end error process_exit']);
  });

  it('with the log in its own process: the same, and what process.exit leaves is told by the next start', async () => {
    const from = entriesIn(home.paths.state).length;
    assert.equal((await play('exit')).code, 3);
    assert.equal((await play('signal')).signal, 'SIGTERM');
    const entries = entriesIn(home.paths.state).slice(from) as unknown as readonly (Stored & {
      readonly metadata?: { readonly surface?: string; readonly what?: readonly string[] };
    })[];
    const gap = entries.find(({ type }) => type === 'log.gap');
    assert.equal(gap?.metadata?.surface, 'sdk');
    assert.match(gap?.metadata?.what?.join() ?? '', /run\.end of run_/);
    assert.equal(entries.at(-1)?.type, 'log.close');
    assert.equal(entries.at(-2)?.outcome?.error_kind, 'SIGTERM');
  });
});
