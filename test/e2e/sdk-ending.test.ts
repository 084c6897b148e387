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

  const start = (how: string) =>
    spawn(process.execPath, [PROGRAM, how], { env: home.env, stdio: ['ignore', 'pipe', 'pipe'] });

  async function endOf(child: ReturnType<typeof start>) {
    const told = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        told[name] += chunk.toString();
      });
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.once('close', (...ended) => resolve(ended)),
    );
    return { code, signal, ...told };
  }
  const play = (how: string) => endOf(start(how));
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

  it('with the log in its own process: the same, also by process.exit, where nothing can be waited for', async () => {
    const from = entriesIn(home.paths.state).length;
    for (const how of ['exit', 'acting']) assert.equal((await play(how)).code, 3);
    assert.equal((await play('signal')).signal, 'SIGTERM');
    assert.deepEqual(own('exit').slice(-5), [...first, 'run.end error process_exit']);
    const acting = own('acting');
    assert.equal(acting.at(-1), 'run.end error process_exit');
    const ends = acting.filter((line) => line === 'tool.result aborted process_exit').length;
    const begun = acting.filter((line) => line === 'tool.call').length - 1;
    assert.ok(begun > 0 && ends <= begun);
    const entries = entriesIn(home.paths.state).slice(from) as unknown as readonly Stored[];
    assert.deepEqual(
      entries.filter(({ type }) => /^log\.(?!open)/.test(type)).map(({ type }) => type),
      ['log.close', 'log.close', 'log.close'],
      'nothing was lost, and nothing was left to the next start',
    );
    const { code, stdout } = await home.tally(['verify', '--completeness']);
    assert.equal(code, 0, stdout);
  });

  it('is told at once of a kill switch that a person throws in another terminal', async () => {
    const child = start('killed');
    const over = endOf(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const { stdout } = await home.tally(['kill', 'on', '--scope', 'agent:killed', '--reason', 'odd refunds']);
    assert.match(
      stdout,
      /agent:killed is switched off from the next call on; 1 action of programs told to end/,
    );
    const ended = await over;
    assert.match(ended.stdout, /StoppedError|the run is stopped: agent:killed is switched off: odd refunds/);
    assert.equal(ended.code, 1, 'what it threw is its own');
    assert.deepEqual(own('killed').slice(-3), [
      'tool.call',
      'tool.result aborted killed',
      'run.end aborted killed',
    ]);
  });
});
