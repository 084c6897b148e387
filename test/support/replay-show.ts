/** Replay from end to end, with as many decisions as are asked for; throws where something is not reported. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replayLines } from '../../src/cli/commands/log/replay-text.ts';
import { styleFor } from '../../src/cli/output/style.ts';
import { type Replay, replay } from '../../src/cli/replay/replay.ts';
import { compilePolicy } from '../../src/core/policy/load.ts';
import { openSession } from '../../src/open.ts';
import { locate, type Paths } from '../../src/paths.ts';
import { openReader } from '../../src/reader.ts';
import { ALTERATIONS, type Alterable, POLICY, recordDecisions, STRICTER } from './decisions.ts';
import { chained, readEntries, writeEntries } from './forge.ts';

const SEGMENT = 65_536;

export async function showReplay(options: {
  readonly decisions: number;
  readonly altered: number;
  readonly say: (text: string) => void;
}): Promise<{ readonly own: Replay; readonly stricter: Replay }> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-replay-'));
  try {
    return await show(directory, options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function show(
  directory: string,
  { decisions, altered, say }: Parameters<typeof showReplay>[0],
): Promise<{ readonly own: Replay; readonly stricter: Replay }> {
  const env = { TALLY_HOME: directory, XDG_RUNTIME_DIR: join(directory, 'r') };
  const paths = locate({ env, home: directory, tmp: directory, uid: process.getuid?.() ?? 0 });
  await writePolicyFile(paths);
  const seconds = timer();
  await record(paths, decisions);
  say(`${decisions} decisions recorded in ${seconds()} s`);

  const log = openReader(paths).directory;
  const look = (where: string, other?: string): Promise<Replay> =>
    replay(
      openReader(paths, { log: where }),
      other === undefined ? {} : { other: compilePolicy(other, { id: 'local' }) },
    );
  const own = await look(log);
  say(`replayed in ${seconds()} s: ${own.agree} of ${own.decisions} agree`);
  assert.deepEqual([own.problems.count, own.problems.first[0]], [0, undefined]);
  assert.equal(own.agree, own.decisions);
  assert.equal(own.decisions, decisions);

  const lines = await readEntries(log);
  for (const anew of [false, true]) {
    const copy = join(directory, anew ? 'chained' : 'altered');
    await cp(log, copy, { recursive: true });
    const { made, kinds } = alter(lines, altered);
    await writeEntries(copy, anew ? chained(made.lines) : made.lines, SEGMENT);
    const found = await look(copy);
    const named = new Set(found.problems.first.map(({ index }) => index));
    const missed = [...made.indices].filter(([index]) => !named.has(index));
    const how = anew ? 'altered, with all hashes around them made anew' : 'altered where they lie';
    say(`${made.indices.size} ${how} (${kinds}): ${found.problems.count} reported in ${seconds()} s`);
    assert.deepEqual(missed.slice(0, 5), [], 'every one is reported');
    assert.equal(found.problems.count, made.indices.size, 'and no other');
    assert.equal(found.agree, decisions - made.indices.size);
    await rm(copy, { recursive: true });
  }

  const cut = join(directory, 'snapshot');
  await cp(log, cut, { recursive: true });
  const [name = ''] = await readdir(join(cut, 'policies'));
  const snapshot = join(cut, 'policies', name);
  await writeFile(snapshot, (await readFile(snapshot, 'utf8')).replace('5000', '9000'));
  const found = await look(cut);
  say(`a policy snapshot altered: ${found.problems.count} decisions reported in ${seconds()} s`);
  assert.equal(found.problems.count, decisions);

  const stricter = await look(log, STRICTER);
  say(`against a stricter policy in ${seconds()} s:`);
  for (const line of replayLines(stricter, { style: styleFor(false), width: 100 })) say(`  ${line}`);
  const { against } = stricter;
  assert.ok(against !== undefined);
  assert.equal(against.same + against.differ + against.undecidable, decisions);
  assert.equal(
    against.rows.reduce((sum, { count }) => sum + count, against.rest),
    against.differ + against.undecidable,
  );
  return { own, stricter };
}

async function writePolicyFile(paths: Paths): Promise<void> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(join(paths.policyFile, '..'), { recursive: true, mode: 0o700 });
  await writeFile(paths.policyFile, POLICY, { mode: 0o600 });
}

async function record(paths: Paths, decisions: number): Promise<void> {
  const session = await openSession({
    paths,
    client: { surface: 'cli' },
    require: 'writer',
    onWarning: (line) => assert.fail(line),
  });
  try {
    assert.ok(session.recorder !== undefined);
    await recordDecisions(session.recorder, decisions);
  } finally {
    await session.close();
  }
}

/** Alterations of every kind, spread evenly over the log. */
function alter(lines: readonly string[], count: number) {
  const decided = lines.flatMap((line, at) => (line.includes('"decision":{') ? [at] : []));
  const out = [...lines];
  const indices = new Map<number, string>();
  const kinds = Object.entries(ALTERATIONS);
  // Decisions come in turns of twelve: a step that shares a factor with that would pass some by.
  let step = Math.max(1, Math.floor(decided.length / (count * 1.5)));
  while (step % 2 === 0 || step % 3 === 0) step--;
  const made = new Map(kinds.map(([name]) => [name, 0]));
  for (let n = 0; n * step < decided.length && indices.size < count; n++) {
    const at = decided[n * step] ?? 0;
    const entry = JSON.parse(lines[at] ?? '') as Alterable;
    // Of those that fit this decision, the kind that was made least often.
    for (const [name, change] of kinds.toSorted(([a], [b]) => (made.get(a) ?? 0) - (made.get(b) ?? 0))) {
      if (!change(entry)) continue;
      out[at] = JSON.stringify(entry);
      indices.set(entry.index, name);
      made.set(name, (made.get(name) ?? 0) + 1);
      break;
    }
  }
  assert.equal(indices.size, count, 'enough was altered');
  const told = [...made].map(([name, times]) => `${times} ${name}`);
  return { made: { lines: out, indices }, kinds: told.join(', ') };
}

function timer(): () => string {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const text = ((now - last) / 1000).toFixed(1);
    last = now;
    return text;
  };
}
