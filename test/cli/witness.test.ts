import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createWitnessAnchor } from '../../src/anchor/witness.ts';
import { createQuorum, judgeQuorum } from '../../src/core/tlog/quorum.ts';
import { growLog, makeCosigner, WITNESSED } from '../support/witness.ts';
import { type Home, makeHome, readyHome, type Started } from './home.ts';

const log = growLog();
const signal = new AbortController().signal;

interface Ready {
  readonly url: string;
  readonly vkey: string;
  readonly directory: string;
  readonly logs: readonly string[];
  readonly pid: number;
}

async function serve(home: Home, ...args: readonly string[]): Promise<{ ready: Ready; started: Started }> {
  const started = home.start(['witness', 'serve', '--port', '0', '--json', ...args]);
  const said = await started.until(/\n/);
  return { ready: JSON.parse(said.split('\n')[0] ?? '') as Ready, started };
}

const cosign = (ready: Ready, size: number) =>
  createWitnessAnchor({ name: 'w', url: ready.url, vkey: ready.vkey, now: Date.now }).anchor(
    log.at(size),
    signal,
  );

describe('tally witness serve', () => {
  it('makes its key once, for its owner only, and cosigns what it was told to trust', async (t) => {
    const home = makeHome(t);
    const first = await serve(home, '--name', 'witness.example/mine', '--log', log.signer.vkey);
    assert.match(first.ready.vkey, /^witness\.example\/mine\+[0-9a-f]{8}\+B/);
    assert.deepEqual(first.ready.logs, [WITNESSED]);
    assert.equal(statSync(first.ready.directory).mode & 0o777, 0o700);
    assert.equal(statSync(join(first.ready.directory, 'key')).mode & 0o777, 0o600);
    await cosign(first.ready, 5);
    first.started.process.kill('SIGTERM');
    const ended = await first.started.ended;
    assert.deepEqual([ended.code, ended.stderr], [0, '']);

    const second = await serve(home);
    assert.equal(second.ready.vkey, first.ready.vkey);
    const { bytes } = await cosign(second.ready, 9);
    assert.ok(judgeQuorum(createQuorum([first.ready.vkey], 1), bytes).met);
    assert.equal(
      (
        await home.tally([
          'witness',
          'serve',
          '--name',
          'other.example/x',
          '--dir',
          join(home.directory, 'witness'),
        ])
      ).code,
      8,
    );
    second.started.process.kill('SIGINT');
    await second.started.ended;
    const renamed = await home.tally(['witness', 'serve', '--name', 'other.example/x']);
    assert.equal(renamed.code, 2);
    assert.match(renamed.error().message, /is called witness\.example\/mine/);
  });

  it('refuses a second one on its directory, also after the first was killed and came back', async (t) => {
    const home = makeHome(t);
    const first = await serve(home);
    const second = await home.tally(['witness', 'serve', '--port', '0']);
    assert.equal(second.code, 8);
    assert.match(second.error().message, /runs on .* already/);
    first.started.process.kill('SIGKILL');
    await first.started.ended;
    const again = await serve(home);
    assert.equal(again.ready.vkey, first.ready.vkey);
  });

  it('takes a log that is trusted while it runs, and lists what it cosigned', async (t) => {
    const home = makeHome(t);
    const { ready } = await serve(home);
    await assert.rejects(cosign(ready, 3), /does not know the log/);
    const trusted = await home.tally(['witness', 'trust', log.signer.vkey, '--json']);
    assert.deepEqual([trusted.code, trusted.json().added], [0, true]);
    assert.equal((await home.tally(['witness', 'trust', log.signer.vkey, '--json'])).json().added, false);
    await cosign(ready, 3);
    const listed = (await home.tally(['witness', 'list', '--json'])).json();
    assert.equal(listed.vkey, ready.vkey);
    assert.deepEqual(listed.logs, [{ origin: WITNESSED, vkeys: [log.signer.vkey], size: 3 }]);
    assert.match((await home.tally(['witness', 'list'])).stdout, /log\.example\/local {2}cosigned up to 3\n/);
    const page = await (await fetch(ready.url)).text();
    assert.match(page, /log\.example\/local {2}size 3/);
  });

  it('tells of a log that forked, and of a state that was damaged, once each', async (t) => {
    const home = makeHome(t);
    const { ready, started } = await serve(home, '--log', log.signer.vkey);
    await cosign(ready, 8);
    const forked = growLog({ fork: 2 });
    const anchor = createWitnessAnchor({ name: 'w', url: ready.url, vkey: ready.vkey, now: Date.now });
    for (let i = 0; i < 2; i++)
      await assert.rejects(anchor.anchor(forked.at(8), signal), /rolled back or forked/);
    await started.until('FORK: log.example/local signed two different trees of 8 entries');
    started.process.kill('SIGTERM');
    const { stderr } = await started.ended;
    assert.equal(stderr.match(/FORK/g)?.length, 1);
    assert.ok(existsSync(join(ready.directory, 'forks')));

    rmSync(join(ready.directory, 'heads'), { recursive: true });
    const again = await serve(home);
    for (let i = 0; i < 2; i++) await assert.rejects(cosign(again.ready, 9), /answered 500/);
    await again.started.until(/does not cosign log\.example\/local: heads.* is gone/);
    const listed = await home.tally(['witness', 'list', '--json']);
    assert.match(JSON.stringify(listed.json().logs), /"size":null,"problem":"the witness does not cosign/);
  });

  it('does not begin anew when only its key is gone', async (t) => {
    const home = makeHome(t);
    const { ready, started } = await serve(home, '--log', log.signer.vkey);
    await cosign(ready, 8);
    started.process.kill('SIGTERM');
    await started.ended;
    rmSync(join(ready.directory, 'key'));
    const again = await home.tally(['witness', 'serve', '--port', '0']);
    assert.equal(again.code, 6);
    assert.match(again.error().message, /the key of this witness is gone/);
  });

  it('changes the modes of no directory that was there, and takes none that others may write', async (t) => {
    const home = makeHome(t);
    const shared = join(home.directory, 'shared');
    mkdirSync(shared);
    for (const [mode, code] of [
      [0o777, 2],
      [0o775, 2],
      [0o755, 0],
    ] as const) {
      chmodSync(shared, mode);
      const { code: got, stderr } = await home.tally(['witness', 'list', '--dir', shared]);
      assert.equal(got, code, stderr);
      if (code !== 0) assert.match(stderr, /BAD_CONFIG.*other users may write.*chmod 700/);
      assert.equal(statSync(shared).mode & 0o777, mode);
    }
  });

  it('refuses a key that is no log, a port that is taken and a place that it may not write', async (t) => {
    const home = makeHome(t);
    const notLog = await home.tally(['witness', 'trust', makeCosigner().vkey]);
    assert.deepEqual([notLog.code, notLog.error().code], [2, 'KEY_MALFORMED']);
    const { ready } = await serve(home);
    const other = join(home.directory, 'other');
    const taken = await home.tally(['witness', 'serve', '--port', new URL(ready.url).port, '--dir', other]);
    assert.deepEqual([taken.code, taken.error().code], [1, 'ADDRESS_IN_USE']);
    writeFileSync(join(home.directory, 'file'), '');
    const place = await home.tally(['witness', 'serve', '--dir', join(home.directory, 'file', 'w')]);
    assert.deepEqual([place.code, place.error().code], [2, 'BAD_CONFIG']);
  });
});

describe('tally witness add', () => {
  it('has the log of this machine cosigned, and says so in the log', async (t) => {
    const { home } = await readyHome(t);
    mkdirSync(join(home.directory, 'elsewhere'));
    const { ready } = await serve(home, '--dir', join(home.directory, 'elsewhere'));
    await home.up();
    const keys = (await home.tally(['key', 'list', '--json'])).json().keys as readonly { vkey: string }[];
    await home.tally(['witness', 'trust', keys[0]?.vkey ?? '', '--dir', join(home.directory, 'elsewhere')]);
    const added = await home.tally([
      'witness',
      'add',
      ready.url,
      ready.vkey,
      '--name',
      'w1',
      '--quorum',
      '1',
      '--json',
    ]);
    assert.equal(added.code, 0, added.stderr);
    assert.deepEqual(added.json(), {
      added: { name: 'w1', type: 'witness', url: ready.url, vkey: ready.vkey },
      witness_quorum: 1,
    });
    assert.match(readFileSync(join(home.directory, 'config.yaml'), 'utf8'), /witness_quorum: 1/);
    assert.equal(home.entries('config.change').length, 1);

    const receipts = join(home.log, 'anchors', 'w1');
    const stored = (): string[] =>
      (existsSync(receipts) ? readdirSync(receipts) : []).filter((name) => name.endsWith('.note'));
    for (let tries = 0; tries < 200 && stored().length === 0; tries++) await wait(50);
    const [name = ''] = stored();
    assert.match(name, /^\d+\.note$/);
    const note = readFileSync(join(receipts, name));
    assert.ok(judgeQuorum(createQuorum([ready.vkey], 1), note).met);

    // It goes by the key that it was given: after a rotation somebody has to tell it of the new one, and we say what.
    const rotated = (await home.tally(['key', 'rotate', '--json'])).json();
    // The rotation note has both signatures, so that one it takes yet.
    assert.equal((await home.tally(['agent', 'register', 'deploy-bot'])).code, 0);
    const refused = await home.tally(['anchor', 'run', 'w1']);
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(refused.stdout, /does not trust the key that signs .* \(403\)/);
    assert.ok(refused.stderr.includes(`tally witness trust ${String(rotated.new)})`), refused.stderr);
    await home.tally(['witness', 'trust', String(rotated.new), '--dir', join(home.directory, 'elsewhere')]);
    const again = await home.tally(['anchor', 'run', 'w1']);
    assert.equal(again.code, 0, again.stdout);
  });

  it('refuses what could never be met, or is there already', async (t) => {
    const home = makeHome(t);
    const url = 'https://witness.example/prefix/';
    const [a, b] = [makeCosigner(1), makeCosigner(2, 'b.example')];
    const add = async (...args: readonly string[]) => home.tally(['witness', 'add', ...args]);
    assert.equal((await add(url, log.signer.vkey)).error().code, 'KEY_MALFORMED');
    const early = (await add(url, a.vkey, '--quorum', '2')).error();
    assert.equal(early.code, 'BAD_CONFIG');
    assert.match(
      early.message,
      /2 witnesses cannot be asked for: there is 1 with this one; nothing was added/,
    );
    assert.match(early.hint ?? '', /--quorum with the last one/);
    assert.equal((await add('ftp://witness.example', a.vkey)).error().code, 'USAGE');
    assert.equal((await add(url, a.vkey, '--quorum', '1')).code, 0);
    assert.match((await add(url, a.vkey)).error().message, /configured already/);
    assert.equal((await add(url, b.vkey, '--quorum', '3')).error().code, 'BAD_CONFIG');
    assert.equal((await add(url, b.vkey, '--quorum', '2')).code, 0);
    const config = readFileSync(join(home.directory, 'config.yaml'), 'utf8');
    assert.match(config, /name: witness-example-w1\n/);
    assert.match(config, /witness_quorum: 2\n/);
    assert.equal(config.match(/witness_quorum/g)?.length, 1);
  });
});
