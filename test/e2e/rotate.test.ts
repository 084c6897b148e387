/** Rotation of the key through the real command, and what somebody who takes the machine afterwards can do. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseLogInfo } from '../../src/core/loginfo.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { makeKeyPair, type Signer, signerFromSkey } from '../../src/core/tlog/key.ts';
import { TILE_WIDTH, tilePath } from '../../src/core/tlog/tile.ts';
import { createTree } from '../../src/core/tlog/tiling.ts';
import { leafHash } from '../../src/core/tlog/tree.ts';
import { openSession } from '../../src/open.ts';
import { type Finished, type Home, makeHome, until } from '../support/home.ts';

const SEGMENT = join('entries', '000000000000.jsonl');

interface Verdict {
  readonly exit_code: number;
  readonly signatures: {
    readonly status: string;
    readonly note?: string;
    readonly keys?: readonly { readonly vkey: string; readonly from: number }[];
  };
  readonly integrity: { readonly status: string };
  readonly append_only: { readonly status: string };
  readonly rotations_begun: readonly number[];
}

async function withHome(use: (home: Home) => Promise<void>): Promise<void> {
  const home = await makeHome();
  try {
    await use(home);
  } finally {
    await home.remove();
  }
}

async function verify(home: Home, ...args: readonly string[]): Promise<Verdict> {
  const done = await home.tally(['verify', '--json', ...args]);
  const verdict = JSON.parse(done.stdout || '{}') as Verdict;
  assert.equal(verdict.exit_code, done.code, done.stdout + done.stderr);
  return verdict;
}

async function record(home: Home, count: number): Promise<void> {
  const session = await openSession({
    paths: home.paths,
    client: { surface: 'sdk' },
    onWarning: () => undefined,
  });
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      session.ask('record', {
        event: { type: 'step.note', phase: 'point', metadata: { i, amount: 100 } },
      }),
    ),
  );
  await session.close();
}

async function rotate(home: Home): Promise<{ old: string; new: string; size: number }> {
  const done = await home.tally(['key', 'rotate', '--reason', 'yearly', '--json']);
  assert.equal(done.code, 0, done.stderr);
  return JSON.parse(done.stdout);
}

async function signer(home: Home): Promise<Signer> {
  return signerFromSkey((await readFile(join(home.paths.keys, 'local.key'), 'utf8')).trim());
}

/** Edits an old entry and makes everything fit again, as far as `key` can. */
async function forge(directory: string, key: Signer): Promise<Uint8Array> {
  const tree = createTree();
  let prev = Buffer.alloc(32).toString('base64');
  const lines = (await readFile(join(directory, SEGMENT), 'utf8')).split('\n').slice(0, -1);
  const made = lines.map((line, i) => {
    const edited = i === 5 ? line.replace('"amount":100', '"amount":999') : line;
    assert.ok(i !== 5 || edited !== line, 'an old entry is edited');
    const entry = edited.replace(/"prev":"[^"]*"/, `"prev":"${prev}"`);
    const leaf = leafHash(Buffer.from(entry));
    tree.append(leaf);
    prev = Buffer.from(leaf).toString('base64');
    return entry;
  });
  await writeFile(join(directory, SEGMENT), `${made.join('\n')}\n`);
  for (const { level, index, bytes } of tree.takeTiles())
    await writeFile(join(directory, tilePath({ level, index, width: TILE_WIDTH })), bytes);
  const note = signCheckpoint({ origin: key.name, size: tree.size, root: tree.root() }, [key]);
  await writeFile(join(directory, 'checkpoint'), note);
  return note;
}

describe('whoever takes the machine after a rotation', () => {
  it('holds the key of today and cannot sign another yesterday', () =>
    withHome(async (home) => {
      await record(home, 300);
      const { old: first, new: second, size } = await rotate(home);
      await record(home, 20);
      const log = join(home.paths.logs, 'local');
      const heads = join(home.paths.heads, 'local');
      assert.equal((await verify(home)).exit_code, 0);
      const thief = await signer(home);
      assert.equal(thief.vkey, second);

      // Everything but heads/.
      const forged = await forge(log, thief);
      const seen = await verify(home);
      assert.deepEqual(
        [seen.exit_code, seen.signatures.status, seen.append_only.status],
        [6, 'fail', 'fail'],
      );
      assert.match(
        seen.signatures.note ?? '',
        new RegExp(`keys/${size}\\.note: the first ${size} entries are not`),
      );
      const refused = await home.tally(['agent', 'register', 'x']);
      assert.equal(refused.code, 6, 'a start is refused too');

      // And the remembered head.
      await writeFile(join(heads, 'checkpoint'), forged);
      const again = await verify(home);
      assert.deepEqual(
        [again.exit_code, again.signatures.status, again.append_only.status],
        [6, 'fail', 'pass'],
      );

      // And a note that only the key of today signs, here and there.
      const alone = signCheckpoint({ origin: thief.name, size, root: new Uint8Array(32) }, [thief]);
      for (const directory of [log, heads]) await writeFile(join(directory, 'keys', `${size}.note`), alone);
      assert.equal((await verify(home)).signatures.status, 'fail');

      // And no notes at all, and a pin and a log.json that say that it always was the only key.
      for (const directory of [log, heads]) await rm(join(directory, 'keys'), { recursive: true });
      const info = parseLogInfo(await readFile(join(log, 'log.json')));
      await writeFile(join(log, 'log.json'), JSON.stringify({ ...info, keys: [{ vkey: second, from: 0 }] }));
      assert.equal((await verify(home)).exit_code, 6, 'the pinned key is another one');
      await writeFile(join(heads, 'vkey'), `${second}\n`);
      const rewritten = await verify(home);
      assert.equal(rewritten.exit_code, 0, 'the limit that the specification states');
      assert.deepEqual(rewritten.rotations_begun, [size - 1], 'what they did not think of shows');
      const outside = await verify(home, '--key', first);
      assert.deepEqual([outside.exit_code, outside.signatures.status], [6, 'fail']);
    }));

  it('cannot make a rotation to a key of their own out of anything that was published', () =>
    withHome(async (home) => {
      await record(home, 50);
      const published = join(home.directory, 'published');
      assert.equal((await home.tally(['log', 'publish', published])).code, 0);
      const first = (await signer(home)).vkey;
      const old = await readFile(join(published, 'checkpoint'), 'utf8');
      const [origin = '', size = '', root = ''] = old.split('\n');
      const thief = signerFromSkey(makeKeyPair(origin, new Uint8Array(32).fill(9)).skey);
      const theirs = Buffer.from(
        signCheckpoint({ origin, size: Number(size), root: Buffer.from(root, 'base64') }, [thief]),
      ).toString();
      const both = old + theirs.slice(theirs.indexOf('\n\n') + 2);
      const forged = join(home.directory, 'forged');
      await cp(published, forged, { recursive: true });
      await mkdir(join(forged, 'keys'), { recursive: true });
      await writeFile(join(forged, 'keys', `${size}.note`), both);
      await writeFile(join(forged, 'checkpoint'), theirs);
      const seen = await verify(home, '--dir', forged, '--key', first);
      assert.equal(seen.exit_code, 6);
      assert.match(seen.signatures.note ?? '', /nothing binds its new key/);
    }));

  it('is shown by a published log too, which verifies from its first key after honest rotations', () =>
    withHome(async (home) => {
      await record(home, 300);
      const { old: first } = await rotate(home);
      await record(home, 10);
      await rotate(home);
      const published = join(home.directory, 'published');
      assert.equal((await home.tally(['log', 'publish', published])).code, 0);
      const honest = await verify(home, '--dir', published, '--key', first);
      assert.equal(honest.exit_code, 0);
      assert.equal(honest.signatures.keys?.length, 3);
      const notes = (await readdir(join(published, 'keys'))).filter((name) => name.endsWith('.note'));
      assert.equal(notes.length, 2);
      for (const name of notes) {
        const without = join(home.directory, `without-${name}`);
        await cp(published, without, { recursive: true });
        await rm(join(without, 'keys', name));
        assert.equal((await verify(home, '--dir', without, '--key', first)).exit_code, 6, name);
      }
    }));
});

describe('a rotation', () => {
  it('is made by the recorder that runs, at the request of another process', () =>
    withHome(async (home) => {
      const up = home.start(['up', '--port', '0']);
      const status = (): Promise<{ vkey: string } | undefined> =>
        home.tally(['status', '--json']).then(({ stdout }) => {
          const { recorder, log } = JSON.parse(stdout) as {
            recorder: { running: boolean };
            log?: { vkey: string };
          };
          return recorder.running ? log : undefined;
        });
      const before = await until(status, 'the recorder');
      const { old, new: now } = await rotate(home);
      assert.equal(old, before.vkey);
      assert.equal((await status())?.vkey, now);
      await record(home, 30);
      const ended = new Promise((resolve) => up.on('exit', resolve));
      up.kill('SIGTERM');
      await ended;
      assert.equal((await verify(home)).exit_code, 0);
      assert.equal((await signer(home)).vkey, now);
      const shown = await home.tally(['log', 'show', '0', '--json']);
      assert.equal(
        (JSON.parse(shown.stdout) as { proof: { state: string } }).proof.state,
        'published',
        shown.stdout,
      );
    }));

  it('is refused to an agent, and the refusal is on record and begins nothing', () =>
    withHome(async (home) => {
      await record(home, 1);
      const refused = await home.tally(['key', 'rotate'], { env: { TALLY_RUN_TOKEN: 'run_x.y' } });
      assert.equal(refused.code, 4, refused.stderr);
      assert.equal(
        (await home.tally(['key', 'pin', (await signer(home)).vkey], { env: { TALLY_RUN_TOKEN: 'run_x.y' } }))
          .code,
        4,
      );
      const text = await readFile(join(home.paths.logs, 'local', SEGMENT), 'utf8');
      assert.match(text, /"type":"key\.rotate"/);
      const { exit_code, rotations_begun, signatures } = await verify(home);
      assert.deepEqual([exit_code, rotations_begun, signatures.keys], [0, [], undefined]);
    }));

  it('killed at any moment is completed by the next start, or has not begun', { timeout: 120_000 }, () =>
    withHome(async (home) => {
      await record(home, 10);
      for (let kill = 0; kill < 14; kill++) {
        const child = home.start(['key', 'rotate']);
        const ended = new Promise((resolve) => child.on('exit', resolve));
        // The key file is made when the rotation begins: from there on every moment is worth a try.
        const next = join(home.paths.keys, 'local.key.next');
        await until(() => existsSync(next) || child.exitCode !== null || undefined, 'the rotation', 10_000);
        await new Promise((resolve) => setTimeout(resolve, kill));
        child.kill('SIGKILL');
        await ended;
        assert.equal((await verify(home)).exit_code, 0, `kill ${kill}`);
        await record(home, 1);
        assert.equal(existsSync(next), false, `kill ${kill}`);
      }
      const { exit_code, rotations_begun, signatures } = await verify(home);
      assert.deepEqual([exit_code, rotations_begun], [0, []]);
      const keys: Finished = await home.tally(['key', 'list', '--json']);
      assert.equal(keys.code, 0, keys.stdout);
      assert.equal(signatures.keys?.at(-1)?.vkey, (await signer(home)).vkey);
    }),
  );

  it('does not keep a lost log from being continued, nor the new one from being rotated', () =>
    withHome(async (home) => {
      await record(home, 10);
      await rotate(home);
      await rm(join(home.paths.logs, 'local', 'checkpoint'));
      const continued = await home.tally(['log', 'continue', '--reason', 'the disk died']);
      assert.equal(continued.code, 0, continued.stderr);
      const { old, size } = await rotate(home);
      assert.match(old, /\/local\/2\+/);
      assert.ok(existsSync(join(home.paths.heads, 'local@2', 'keys', `${size}.note`)));
      assert.equal((await verify(home)).exit_code, 0);
    }));
});
