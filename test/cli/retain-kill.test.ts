/** `tally retain --apply`, killed at any time: the log verifies as it lies there, and no kept entry is lost. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSession } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { readEntries } from '../support/forge.ts';
import { type Home, makeHome, type StoredEntry } from './home.ts';

/** More of them by hand. */
const KILLS = Number(process.env.TALLY_TEST_KILLS ?? 5);
const ENTRIES = 600;

/** Records with payloads; the ids of all that were acknowledged, by index. */
async function fill(home: Home, acknowledged: Map<number, string>): Promise<void> {
  const session = await openSession({
    paths: locate({
      env: { TALLY_HOME: home.directory, XDG_RUNTIME_DIR: join(home.directory, 'r') },
      home: home.directory,
      tmp: home.directory,
      uid: process.getuid?.() ?? 0,
    }),
    client: { surface: 'sdk' },
    onWarning: () => undefined,
    payloads: { keep: { 'tool.call': 'full' } },
    segmentEntries: 256,
  });
  const payload = { media_type: 'text/plain', class: 'prompt', data: 'what was said' };
  for (let at = 0; at < ENTRIES; at += 100) {
    const receipts = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        session.ask('record', {
          event: {
            type: i % 10 === 7 ? 'tool.call' : 'step.note',
            phase: 'point',
            run_id: `run_${at}`,
            ...(i % 10 === 7 ? { payload } : { metadata: { at, i } }),
          },
        }),
      ),
    );
    for (const receipt of receipts) {
      const { index, id } = receipt as { index: number; id: string };
      acknowledged.set(index, id);
    }
  }
  await session.close();
}

/** What the log says of its prunes, by how each of these entries ends. */
async function notes(home: Home): Promise<readonly string[]> {
  return (await stored(home))
    .filter(({ type }) => type === 'log.prune')
    .map(({ index, outcome }) => `${index}:${(outcome as { status: string }).status}`);
}

async function verified(home: Home, about: string): Promise<void> {
  const { code, stdout, stderr } = await home.tally(['verify', '--json']);
  assert.equal(code, 0, `${about}: ${stdout}${stderr}`);
}

const stored = async (home: Home): Promise<readonly StoredEntry[]> =>
  (await readEntries(home.log)).map((line) => JSON.parse(line) as StoredEntry);

async function lost(home: Home, acknowledged: ReadonlyMap<number, string>): Promise<readonly number[]> {
  const first = Math.min(
    ...readdirSync(join(home.log, 'entries'))
      .filter((name) => name.includes('.jsonl'))
      .map((name) => Number.parseInt(name, 10)),
  );
  const there = new Map((await stored(home)).map(({ index, id }) => [index, id]));
  return [...acknowledged].flatMap(([index, id]) =>
    index >= first && there.get(index) !== id ? [index] : [],
  );
}

/** At that time, or so long after the object with what is carried on was written: from then on things are removed. */
async function killed(
  home: Home,
  when: { readonly afterMs: number; readonly carried: boolean },
): Promise<void> {
  const objects = (): string => {
    const directory = join(home.log, 'pruned');
    return existsSync(directory) ? readdirSync(directory).sort().join() : '';
  };
  const before = objects();
  const started = home.start(['retain', '--apply', '--reason', 'old']);
  let ended = false;
  const end = started.ended.then(() => {
    ended = true;
  });
  while (when.carried && !ended && objects() === before) await sleep(1);
  await Promise.race([end, sleep(when.afterMs)]);
  started.process.kill('SIGKILL');
  await end;
}

test(`killed ${KILLS} times, the log verifies each time and loses nothing that it keeps`, async (t: TestContext) => {
  const home = makeHome(t);
  const acknowledged = new Map<number, string>();
  for (const directory of [join(home.directory, 'config'), home.directory]) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'config.yaml'), 'retention:\n  entries: { bytes: 60kB }\n', {
      mode: 0o600,
    });
  }
  await fill(home, acknowledged);
  const begun = performance.now();
  assert.equal((await home.tally(['retain', '--apply'])).code, 0);
  const wholeMs = performance.now() - begun;
  const states: string[] = [];
  for (let round = 0; round < KILLS; round++) {
    await fill(home, acknowledged);
    const carried = round % 3 !== 0;
    const afterMs = Math.round(carried ? 60 * Math.random() : wholeMs * (0.3 + 0.75 * Math.random()));
    const about = `kill ${round}, ${afterMs} ms after ${carried ? 'the carried object' : 'the start'}`;
    const before = await notes(home);
    await killed(home, { afterMs, carried });
    await verified(home, about);
    assert.deepEqual((await lost(home, acknowledged)).slice(0, 3), [], about);
    states.push((await notes(home)).filter((one) => !before.includes(one)).join('+') || 'nothing');
  }
  assert.equal((await home.tally(['retain', '--apply'])).code, 0);
  await verified(home, 'at last');
  assert.deepEqual((await lost(home, acknowledged)).slice(0, 3), []);
  t.diagnostic(states.join(' '));
});
