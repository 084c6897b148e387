/** `tally up` killed again and again while clients append through the hand-over socket as fast as they are answered. */
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isTallyError } from '../../src/core/error.ts';
import { openSession, type Session } from '../../src/open.ts';
import { type Home, makeHome, until } from '../support/home.ts';
import { entriesIn, problemsOf } from './check.ts';

export interface KillOptions {
  readonly kills: number;
  readonly clients: number;
  /** When the n-th kill comes, in milliseconds after the clients are served again. */
  readonly waitMs: (kill: number) => number;
  /** Every so many kills a key rotation is asked for, right before one. 0: never. */
  readonly rotateEvery: number;
  readonly onKill?: (kill: number, acknowledged: number) => void;
}

export interface KillTotals {
  readonly acknowledged: number;
  readonly entries: number;
  readonly rotations: number;
  readonly torn: number;
  readonly segments: number;
  readonly sealed: number;
}

const PAYLOADS = 'payloads:\n  keep: { "*": redacted }\n';

interface Acknowledged {
  readonly ids: Map<string, number>;
  rotations: number;
}

function connect(home: Home, user: string): Promise<Session> {
  return openSession({
    paths: home.paths,
    client: { surface: 'sdk', user },
    onWarning: () => undefined,
    require: 'client',
    waitMs: 30_000,
  });
}

/** The writer was closing or killed when the request came: it was refused, not acknowledged. */
function mayHappen(error: unknown): boolean {
  return isTallyError(error) && ['LOG_CLOSED', 'RECORDER_UNAVAILABLE'].includes(error.code);
}

function keep({ ids }: Acknowledged, { id, index }: { readonly id: string; readonly index: number }): void {
  assert.equal(ids.has(id), false, 'an id was acknowledged twice');
  ids.set(id, index);
}

/** Pairs of pre_exec and post_exec, one in ten left open for ever, one in four with a payload. */
async function client(home: Home, number: number, acknowledged: Acknowledged, running: () => boolean) {
  const session = await connect(home, `client-${number}`);
  for (let i = 0; running(); i++) {
    try {
      const payload =
        i % 4 === 0
          ? { data: `what ${number} said, ${i}`, media_type: 'text/plain', class: 'args' }
          : undefined;
      const pre = await session.ask('record', {
        event: {
          type: 'tool.call',
          phase: 'pre_exec',
          action: { name: 'work', args: { number, i } },
          metadata: { number, i },
          ...(payload === undefined ? {} : { payload }),
        },
      });
      keep(acknowledged, pre);
      if (i % 10 === 0) continue;
      const post = await session.ask('record', {
        event: { type: 'tool.call', phase: 'post_exec', parent_id: pre.id, outcome: { status: 'ok' } },
      });
      keep(acknowledged, post);
    } catch (error) {
      if (!mayHappen(error)) throw error;
    }
  }
  await session.close();
}

/** Asked for and killed in the middle, it may be acknowledged or not; the next start completes it or drops it. */
async function rotate(home: Home, acknowledged: Acknowledged): Promise<void> {
  const session = await connect(home, 'operator');
  try {
    keep(acknowledged, await session.ask('key.rotate', {}));
    acknowledged.rotations++;
  } catch (error) {
    if (!mayHappen(error)) throw error;
  } finally {
    await session.close();
  }
}

/** Throws when an acknowledged entry is missing, doubled or moved, when an action stays open, or `tally verify` is not 0. */
export async function killUnderLoad(options: KillOptions): Promise<KillTotals> {
  const home = await makeHome();
  try {
    await mkdir(dirname(home.paths.configFile), { recursive: true });
    await writeFile(home.paths.configFile, PAYLOADS);
    const acknowledged: Acknowledged = { ids: new Map(), rotations: 0 };
    let running = true;
    const working: Promise<void>[] = [];
    const rotating: Promise<void>[] = [];
    const served = async (): Promise<void> => {
      const before = acknowledged.ids.size;
      await until(
        () => (acknowledged.ids.size > before + options.clients ? true : undefined),
        'clients to be acknowledged again',
        60_000,
      );
    };

    for (let kill = 0; kill < options.kills; kill++) {
      const child = home.start(['up', '--port', '0']);
      if (kill === 0) {
        await until(
          async () => ((await readdir(home.paths.runtime).catch(() => [])).length > 0 ? true : undefined),
          'the socket',
        );
        for (let i = 0; i < options.clients; i++) working.push(client(home, i, acknowledged, () => running));
      }
      await Promise.race([served(), ...working]);
      // It may outlive the kill: then it learns from the next writer that it was not acknowledged.
      if (options.rotateEvery > 0 && kill % options.rotateEvery === options.rotateEvery - 1)
        rotating.push(rotate(home, acknowledged));
      // Somewhere in the middle of writes, tiles, checkpoints, seals and rotations.
      await new Promise((resolve) => setTimeout(resolve, options.waitMs(kill)));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      options.onKill?.(kill, acknowledged.ids.size);
    }
    const last = home.start(['up', '--port', '0']);
    await Promise.race([served(), ...working]);
    running = false;
    await Promise.all([...working, ...rotating]);
    const ended = new Promise((resolve) => last.once('exit', resolve));
    last.kill('SIGTERM');
    await ended;
    return await judge(home, acknowledged);
  } finally {
    await home.remove();
  }
}

async function judge(home: Home, { ids, rotations }: Acknowledged): Promise<KillTotals> {
  const told = [...ids].map(([id, index]) => ({ id, index }));
  assert.deepEqual(problemsOf(home.paths.state, told, { whole: true }), []);

  const entries = entriesIn(home.paths.state);
  const closed = new Set(
    entries.filter(({ phase }) => phase === 'post_exec').map(({ parent_id }) => parent_id),
  );
  const open = entries.filter(({ phase, id }) => phase === 'pre_exec' && !closed.has(id));
  assert.deepEqual(open, [], 'an action was left open');

  // Torn tails are set aside and told of; without --completeness that is no failure.
  const verified = await home.tally(['verify', '--json']);
  assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
  const names = await readdir(join(home.paths.logs, 'local', 'entries'));
  return {
    acknowledged: ids.size,
    entries: entries.length,
    rotations,
    torn: names.filter((name) => name.includes('.torn-')).length,
    segments: names.filter((name) => /\.jsonl(\.zst)?$/.test(name)).length,
    sealed: names.filter((name) => name.endsWith('.zst')).length,
  };
}
