/** Witnesses through the built program: two of them as real processes, and what a stranger makes of a proof file. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseProofFile } from '../../src/core/tlog/proof-file.ts';
import { type Home, makeHome, type Started } from '../cli/home.ts';

interface Witness {
  readonly url: string;
  readonly vkey: string;
  readonly started: Started;
}

/** Each on a machine of its own. */
async function serveWitness(t: TestContext, name: string, log: string): Promise<Witness> {
  const args = ['witness', 'serve', '--port', '0', '--json', '--name', name, '--log', log];
  const started = makeHome(t).start(args);
  const said = await started.until(/\n/);
  const { url, vkey } = JSON.parse(said.split('\n')[0] ?? '') as { url: string; vkey: string };
  return { url, vkey, started };
}

async function ok(home: Home, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await home.tally(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

interface Setting {
  readonly home: Home;
  /** A machine that never saw the log. */
  readonly stranger: Home;
  readonly vkey: string;
  readonly one: Witness;
  readonly two: Witness;
  /** Index of the entry that is proved. */
  readonly index: number;
}

async function witnessed(t: TestContext): Promise<Setting> {
  const home = makeHome(t);
  await ok(home, 'agent', 'register', 'deploy-bot');
  const keys = JSON.parse(await ok(home, 'key', 'list', '--json')) as { keys: { vkey: string }[] };
  const vkey = keys.keys[0]?.vkey ?? '';
  const [one, two] = await Promise.all([
    serveWitness(t, 'witness.example/one', vkey),
    serveWitness(t, 'witness.example/two', vkey),
  ]);
  await ok(home, 'witness', 'add', one.url, one.vkey, '--name', 'one');
  await ok(home, 'witness', 'add', two.url, two.vkey, '--name', 'two', '--quorum', '2');
  const index = home.entries('agent.register')[0]?.index ?? -1;
  return { home, stranger: makeHome(t), vkey, one, two, index };
}

async function proveTo(home: Home, name: string, ...args: readonly string[]): Promise<string> {
  const file = join(home.directory, name);
  await ok(home, 'log', 'prove', ...args, '--out', file);
  return file;
}

function sizeIn(file: string): number {
  const { checkpoint } = parseProofFile(readFileSync(file));
  return Number(Buffer.from(checkpoint).toString('utf8').split('\n')[1]);
}

test('a proof file carries the cosignatures of both witnesses, and a stranger counts them', async (t) => {
  const { home, stranger, vkey, one, two, index } = await witnessed(t);
  await ok(home, 'anchor', 'run');
  const told = await home.tally(['log', 'prove', String(index), '--json']);
  const { cosigned_by, window } = told.json() as {
    cosigned_by: readonly { name: string; vkey: string }[];
    window: { not_after?: { type: string } };
  };
  assert.deepEqual(cosigned_by.map((by) => by.vkey).sort(), [one.vkey, two.vkey].sort());
  assert.equal(window.not_after?.type, 'witness');
  const shown = (await home.tally(['log', 'show', String(index), '--json'])).json() as { window: unknown };
  assert.deepEqual(window, shown.window);

  const file = await proveTo(home, 'both.tlog-proof', String(index));
  const verify = async (path: string, ...args: readonly string[]) =>
    stranger.tally(['verify', path, '--key', vkey, ...args]);
  const both = ['--witness', one.vkey, '--witness', two.vkey, '--quorum', '2'];
  const passed = await verify(file, ...both);
  assert.equal(passed.code, 0, passed.stdout);
  assert.match(passed.stdout, /witnesses +2 of 2 cosigned, 2 needed/);

  // The log went on since: its own newest checkpoint has nobody behind it yet.
  await ok(home, 'agent', 'register', 'other-bot');
  const newest = await proveTo(home, 'newest.tlog-proof', String(index), '--newest');
  assert.ok(sizeIn(newest) > sizeIn(file));
  assert.deepEqual([(await verify(newest)).code, (await verify(newest, ...both)).code], [0, 2]);
  // An entry after what they cosigned is proved all the same.
  const later = home.entries('agent.register').at(-1)?.index ?? -1;
  const bare = await proveTo(home, 'bare.tlog-proof', String(later));
  assert.deepEqual([(await verify(bare)).code, (await verify(bare, ...both)).code], [0, 2]);

  // What they cosigned before a rotation is good by the key of then, and the reader is told that one.
  await ok(home, 'key', 'rotate', '--reason', 'test');
  const rotated = (await home.tally(['log', 'prove', String(index), '--json'])).json();
  assert.equal(rotated.vkey, vkey);
  const old = await proveTo(home, 'old.tlog-proof', String(index));
  assert.equal((await verify(old, ...both)).code, 0);
});

test('lines that do not hold stay out of a proof file, and the rest still counts', async (t) => {
  const { home, stranger, vkey, one, two, index } = await witnessed(t);
  await ok(home, 'anchor', 'run');
  const place = join(home.log, 'anchors', 'two');
  const [receipt = ''] = readdirSync(place).filter((name) => name.endsWith('.note'));
  const text = readFileSync(join(place, receipt), 'utf8').trimEnd();
  // One bit of the signature.
  const at = text.lastIndexOf('=') - 4;
  const other = text[at] === 'A' ? 'B' : 'A';
  writeFileSync(join(place, receipt), `${text.slice(0, at)}${other}${text.slice(at + 1)}\n`);
  const file = await proveTo(home, 'one.tlog-proof', String(index));
  const verify = async (quorum: string) =>
    (
      await stranger.tally([
        ...['verify', file, '--key', vkey, '--witness', one.vkey, two.vkey],
        ...['--quorum', quorum],
      ])
    ).code;
  assert.deepEqual([await verify('1'), await verify('2')], [0, 2]);
});

test('with one witness down the log goes on, and what is missing is said everywhere', async (t) => {
  const { home, stranger, vkey, one, two, index } = await witnessed(t);
  two.started.process.kill('SIGTERM');
  await two.started.ended;
  const run = await home.tally(['anchor', 'run']);
  assert.equal(run.code, 1);
  assert.match(run.stdout, /✔ one: [\s\S]*✖ two: /);

  const { started } = await home.up();
  await started.until(/the anchor two fails/);
  await ok(home, 'agent', 'register', 'other-bot');
  assert.equal(home.entries('agent.register').length, 2);
  const status = (await home.tally(['status', '--json'])).json() as {
    anchors: readonly { name: string; last?: { size: number }; failing?: { code: string } }[];
  };
  assert.deepEqual(
    status.anchors.map(({ name, last, failing }) => [name, last !== undefined, failing?.code]),
    [
      ['one', true, undefined],
      ['two', false, 'ANCHOR_FAILED'],
    ],
  );
  assert.match((await home.tally(['status'])).stdout, /two.*failing: /);

  const report = (await home.tally(['verify', '--json'])).json() as {
    exit_code: number;
    anchored: { status: string; note: string; quorum: { needed: number; have: number } };
  };
  assert.deepEqual([report.exit_code, report.anchored.status], [0, 'incomplete']);
  assert.match(report.anchored.note, /1 of 2 witnesses cosigned/);
  assert.deepEqual([report.anchored.quorum.needed, report.anchored.quorum.have], [2, 1]);

  const file = await proveTo(home, 'one.tlog-proof', String(index));
  const count = async (...args: readonly string[]) =>
    (await stranger.tally(['verify', file, '--key', vkey, '--witness', one.vkey, two.vkey, ...args])).code;
  assert.deepEqual([await count('--quorum', '1'), await count('--quorum', '2')], [0, 2]);
});
