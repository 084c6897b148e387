/** What somebody with the files, and with the signing key, can do to a log, and what `tally verify` says of each. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { signerFromSkey } from '../../src/core/tlog/key.ts';
import { TILE_WIDTH, tilePath } from '../../src/core/tlog/tile.ts';
import { createTree } from '../../src/core/tlog/tiling.ts';
import { leafHash } from '../../src/core/tlog/tree.ts';
import { openSession } from '../../src/open.ts';
import { type Home, makeHome } from '../support/home.ts';

const SEGMENT = join('entries', '000000000000.jsonl');

interface Verdicts {
  readonly exit_code: number;
  readonly integrity: { readonly status: string; readonly first_bad?: number };
  readonly chain: { readonly status: string };
  readonly append_only: { readonly status: string };
}

describe('a log that somebody changed', () => {
  let home: Home;
  let log: string;
  let early: string;
  let copies = 0;

  before(async () => {
    home = await makeHome();
    log = join(home.paths.logs, 'local');
    early = join(home.directory, 'early');
    for (const part of [0, 1]) {
      const session = await openSession({
        paths: home.paths,
        client: { surface: 'sdk' },
        onWarning: () => undefined,
        require: 'writer',
      });
      await Promise.all(
        Array.from({ length: 300 }, (_, i) =>
          session.ask('record', {
            event: { type: 'step.note', phase: 'point', metadata: { part, i, amount: 100 } },
          }),
        ),
      );
      await session.close();
      if (part === 0) await cp(log, early, { recursive: true });
    }
  });
  after(() => home.remove());

  async function lines(directory: string): Promise<string[]> {
    return (await readFile(join(directory, SEGMENT), 'utf8')).split('\n').slice(0, -1);
  }

  /** A copy of the log, changed, and what the command says of it. */
  async function changed(
    change: (directory: string) => Promise<void>,
    args: readonly string[] = [],
  ): Promise<Verdicts> {
    const directory = join(home.directory, `copy-${copies++}`);
    await cp(log, directory, { recursive: true });
    await change(directory);
    const done = await home.tally(['verify', '--dir', directory, '--json', ...args]);
    const verdicts = JSON.parse(done.stdout) as Verdicts;
    assert.equal(verdicts.exit_code, done.code, done.stdout);
    return verdicts;
  }

  const rewrite = (edit: (all: string[]) => string[]) => async (directory: string) =>
    writeFile(join(directory, SEGMENT), `${edit(await lines(directory)).join('\n')}\n`);

  /** Somebody with the signing key makes everything fit again: chain, tiles, checkpoint. */
  async function signAgain(directory: string): Promise<void> {
    const signer = signerFromSkey((await readFile(join(home.paths.keys, 'local.key'), 'utf8')).trim());
    const tree = createTree();
    let prev = Buffer.alloc(32).toString('base64');
    const made = (await lines(directory)).map((line, index) => {
      const entry = line
        .replace(/"prev":"[^"]*"/, `"prev":"${prev}"`)
        .replace(/"index":\d+/, `"index":${index}`);
      const leaf = leafHash(Buffer.from(entry));
      tree.append(leaf);
      prev = Buffer.from(leaf).toString('base64');
      return entry;
    });
    await writeFile(join(directory, SEGMENT), `${made.join('\n')}\n`);
    for (const { level, index, bytes } of tree.takeTiles()) {
      await writeFile(join(directory, tilePath({ level, index, width: TILE_WIDTH })), bytes);
    }
    const checkpoint = { origin: signer.name, size: tree.size, root: tree.root() };
    await writeFile(join(directory, 'checkpoint'), signCheckpoint(checkpoint, [signer]));
  }

  it('is intact as long as nobody did', async () => {
    const verdicts = await changed(async () => undefined);
    assert.equal(verdicts.exit_code, 0);
  });

  for (const index of [5, 255, 256, 599]) {
    it(`by one byte of entry ${index}: exit 6, and the index is named`, async () => {
      const verdicts = await changed(
        rewrite((all) => all.with(index, (all[index] ?? '').replace('100', '900'))),
      );
      assert.equal(verdicts.exit_code, 6);
      assert.equal(verdicts.integrity.first_bad, index);
    });
  }

  it('by taking an entry out: exit 6, and the index is named', async () => {
    const verdicts = await changed(rewrite((all) => all.toSpliced(40, 1)));
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.integrity.first_bad, 40);
  });

  it('by swapping two entries: exit 6, and the first index is named', async () => {
    const verdicts = await changed(rewrite((all) => all.with(70, all[71] ?? '').with(71, all[70] ?? '')));
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.integrity.first_bad, 70);
  });

  it('by putting an older, validly signed state in its place: not append-only', async () => {
    const verdicts = await changed(async (directory) => {
      await rm(directory, { recursive: true });
      await cp(early, directory, { recursive: true });
    });
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.integrity.status, 'pass');
    assert.equal(verdicts.append_only.status, 'fail');
  });

  it('by signing everything again with the same key after an edit: not append-only', async () => {
    const edited = rewrite((all) => all.with(100, (all[100] ?? '').replace('"amount":100', '"amount":999')));
    const verdicts = await changed(async (directory) => {
      await edited(directory);
      await signAgain(directory);
    });
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.integrity.status, 'pass');
    assert.equal(verdicts.chain.status, 'pass');
    assert.equal(verdicts.append_only.status, 'fail');
  });

  it('with the remembered head rewritten too: only a checkpoint that was kept elsewhere shows it', async () => {
    const kept = join(home.directory, 'kept.checkpoint');
    await cp(join(early, 'checkpoint'), kept);
    const head = join(home.paths.heads, 'local', 'checkpoint');
    const honest = await readFile(head);
    const forge = async (directory: string): Promise<void> => {
      await rewrite((all) => all.with(100, (all[100] ?? '').replace('"amount":100', '"amount":999')))(
        directory,
      );
      await signAgain(directory);
      await cp(join(directory, 'checkpoint'), head);
    };
    try {
      assert.equal((await changed(forge)).exit_code, 0, 'the limit that SECURITY.md states');
      const verdicts = await changed(forge, ['--head', kept]);
      assert.equal(verdicts.exit_code, 6);
      assert.equal(verdicts.append_only.status, 'fail');
    } finally {
      await writeFile(head, honest);
    }
  });

  it('without its checkpoint, or without its log.json, is no pass', async () => {
    for (const name of ['checkpoint', 'log.json']) {
      const directory = join(home.directory, `copy-${copies++}`);
      await cp(log, directory, { recursive: true });
      await rm(join(directory, name));
      const done = await home.tally(['verify', '--dir', directory, '--json']);
      assert.notEqual(done.code, 0, `${name}: ${done.stdout}`);
    }
    assert.ok((await readdir(log)).includes('checkpoint'));
  });
});
