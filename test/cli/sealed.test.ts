/** Commands that read, on a log whose old segments are sealed: the same answers; and what they say of damaged ones. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openFileStore } from '../../src/store/file/store.ts';
import { type Home, makeHome } from '../support/home.ts';
import { idOf, type LogFiles, sampleDrafts, writeLogFiles } from '../support/logfiles.ts';
import { alter, sealedPath, tableOf } from '../support/sealed.ts';

const ENTRIES = 1_400;
const SEALED = [0, 512];

interface Report {
  readonly exit_code: number;
  readonly entries: number;
  readonly integrity: {
    readonly status: string;
    readonly first_bad?: number;
    readonly missing: readonly { readonly from: number; readonly to: number }[];
    readonly missing_count: number;
    readonly bad: readonly { readonly index: number }[];
    readonly bad_count: number;
    readonly note?: string;
  };
}

let home: Home;
let plain: LogFiles;
let sealed: string;
let copies = 0;

before(async () => {
  home = await makeHome();
  plain = await writeLogFiles(join(home.directory, 'plain'), sampleDrafts(ENTRIES / 2), {
    segmentEntries: 512,
  });
  sealed = join(home.directory, 'sealed');
  await cp(plain.directory, sealed, { recursive: true });
  const store = await openFileStore(sealed);
  for (const first of SEALED) await store.seal(first);
  await store.close();
});
after(() => home.remove());

async function copy(): Promise<string> {
  const directory = join(home.directory, `copy-${copies++}`);
  await cp(sealed, directory, { recursive: true });
  return directory;
}

async function verify(directory: string): Promise<{ readonly code: number | null; readonly report: Report }> {
  const args = ['verify', '--json', '--dir', directory, '--key', plain.vkey];
  const { code, stdout, stderr } = await home.tally(args);
  assert.ok(stdout.startsWith('{'), stderr);
  return { code, report: JSON.parse(stdout) as Report };
}

describe('a log with sealed segments', () => {
  it('gives every command that reads the same answers as the plain log', async () => {
    for (const args of [
      ['log', 'list', '--jsonl', '--limit', '2000'],
      ['log', 'list', '--json', '--limit', '700'],
      ['log', 'show', '0', '--json'],
      ['log', 'show', '511', '--json'],
      ['log', 'show', '700', '--json'],
      ['log', 'show', '1399', '--json'],
      ['log', 'show', idOf(300), '--json'],
    ]) {
      const [a, b] = await Promise.all(
        [plain.directory, sealed].map((directory) => home.tally([...args, '--dir', directory])),
      );
      assert.deepEqual([b?.code, b?.stderr, b?.stdout], [a?.code, a?.stderr, a?.stdout], args.join(' '));
      assert.notEqual(b?.stdout, '', args.join(' '));
    }
    const [a, b] = [await verify(plain.directory), await verify(sealed)];
    assert.equal(b.code, 0);
    assert.deepEqual(b.report, a.report);
  });

  it('publishes the same files as the plain log', async () => {
    const trees = [];
    for (const directory of [plain.directory, sealed]) {
      const target = join(home.directory, `published-${copies++}`);
      const { code, stderr } = await home.tally(['log', 'publish', target, '--dir', directory]);
      assert.equal(code, 0, stderr);
      // Gone on with, it is found whole.
      const again = await home.tally(['log', 'publish', target, '--dir', directory]);
      assert.deepEqual([again.code, again.stderr], [0, '']);
      assert.match(again.stdout, /0 files written, .*from entry 1,\d+ on/);
      const files = (await readdir(target, { recursive: true, withFileTypes: true }))
        .filter((file) => file.isFile() && !file.name.includes('lock'))
        .map((file) => join(file.parentPath, file.name));
      trees.push(
        new Map(
          await Promise.all(
            files.map(async (file) => [file.slice(target.length), await readFile(file, 'base64')] as const),
          ),
        ),
      );
    }
    assert.ok((trees[0]?.size ?? 0) > 8);
    assert.deepEqual(trees[1], trees[0]);
  });
});

describe('verification of damaged sealed segments', () => {
  it('calls a damaged frame a hole of 256 entries, and checks every entry after it', async () => {
    const directory = await copy();
    const path = sealedPath(directory, 512);
    const { frames } = await tableOf(path);
    await alter(path, (bytes) => {
      bytes.fill(0, (frames[0]?.at ?? 0) + 50, (frames[0]?.at ?? 0) + 60);
      return bytes;
    });
    // A changed entry far behind the hole is still found.
    const last = join(directory, 'entries', '000000001024.jsonl');
    await alter(last, (bytes) => Buffer.from(bytes.toString('latin1').replace('"/v1/', '"/v2/'), 'latin1'));
    const { code, report } = await verify(directory);
    assert.equal(code, 6);
    assert.equal(report.integrity.status, 'fail');
    assert.equal(report.integrity.first_bad, 512);
    assert.deepEqual(report.integrity.missing, [{ from: 512, to: 768 }]);
    assert.equal(report.entries, ENTRIES - 256);
    assert.equal(report.integrity.bad_count, 1);
    assert.ok((report.integrity.bad[0]?.index ?? 0) >= 1024);
    assert.match(report.integrity.note ?? '', /000000000512\.jsonl\.zst: frame 0: .*entries 512 to 767/);
  });

  it('names what is lost of a file that was cut, emptied, or lost its table, and never ends in an error', async () => {
    const { frames, bytes } = await tableOf(sealedPath(sealed, 0));
    const size = (await readFile(sealedPath(sealed, 0))).length;
    assert.ok(bytes > 0);
    for (const [length, lost] of [
      [size - 1, 0],
      [frames[1]?.at ?? 0, 256],
      [(frames[1]?.at ?? 0) + 100, 256],
      [10, 512],
      [0, 512],
    ] as const) {
      const directory = await copy();
      await truncate(sealedPath(directory, 0), length);
      const { code, report } = await verify(directory);
      assert.equal(code, 6, `cut to ${length}`);
      assert.equal(report.integrity.status, 'fail');
      assert.equal(report.integrity.missing_count, lost);
      assert.equal(report.entries, ENTRIES - lost);
      assert.match(report.integrity.note ?? '', /000000000000\.jsonl\.zst/);
      if (lost > 0) assert.equal(report.integrity.first_bad, 512 - lost);
    }
  });

  it('shows a sealed segment that is gone or that stands under the name of another', async () => {
    const gone = await copy();
    await rm(sealedPath(gone, 512));
    const missing = await verify(gone);
    assert.equal(missing.code, 6);
    assert.deepEqual(missing.report.integrity.missing, [{ from: 512, to: 1024 }]);
    const swapped = await copy();
    await cp(sealedPath(sealed, 512), sealedPath(swapped, 0));
    const wrong = await verify(swapped);
    assert.equal(wrong.code, 6);
    assert.match(wrong.report.integrity.note ?? '', /000000000000\.jsonl\.zst begins with entry 512/);
  });

  it('is what other commands refer to when what they need is damaged, and they work where it is not', async () => {
    const directory = await copy();
    const path = sealedPath(directory, 0);
    const { frames } = await tableOf(path);
    await alter(path, (bytes) => {
      bytes.fill(0, (frames[1]?.at ?? 0) + 50, (frames[1]?.at ?? 0) + 60);
      return bytes;
    });
    const newest = await home.tally(['log', 'list', '--jsonl', '--limit', '5', '--dir', directory]);
    assert.equal(newest.code, 0, newest.stderr);
    const before = await home.tally(['log', 'show', '10', '--json', '--dir', directory]);
    assert.equal(before.code, 0, before.stderr);
    for (const args of [
      ['log', 'show', '300', '--json', '--dir', directory],
      ['log', 'list', '--jsonl', '--limit', '2000', '--dir', directory],
      ['log', 'publish', join(home.directory, 'never'), '--dir', directory],
    ]) {
      const { code, stderr } = await home.tally(args);
      assert.equal(code, 6, args.join(' '));
      assert.match(stderr, /LOG_DAMAGED|tally verify/);
    }
  });
});
