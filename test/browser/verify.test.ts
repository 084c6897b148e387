/** `tallystick/verify` in a real browser, through the page of examples/browser-verify. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { servePage } from '../../examples/browser-verify/serve.ts';
import { encodeUtf8 } from '../../src/core/bytes.ts';
import { openCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../src/core/tlog/key.ts';
import { proveInclusion } from '../../src/core/tlog/proof.ts';
import { encodeProofFile } from '../../src/core/tlog/proof-file.ts';
import { publishTree } from '../../src/core/tlog/publish.ts';
import { tileHashReader } from '../../src/core/tlog/tiling.ts';
import { buildLog, sourceOf, testSigner } from '../core/tlog/fixture.ts';
import { type Page, withChromium } from '../support/chromium.ts';

const SIZE = 700;
const log = buildLog(SIZE);
const { vkey } = log.signer;
let folder: string;
/** A published log, a copy with one bit flipped in entry 300, and the proof of entry 300. */
let published: string;
let damaged: string;
let proof: string;
/** Signed by the same key, of an entry with markup and a character that turns text around. */
let hostile: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tally-browser-'));
  published = join(folder, 'published');
  damaged = join(folder, 'damaged');
  proof = join(folder, '300.tlog-proof');
  const checkpoint = openCheckpoint(log.checkpoint, [verifierFromVkey(vkey)]);
  const blocks = (): AsyncIterable<Uint8Array> => sourceOf(log).blocks();
  for await (const { path, bytes } of publishTree({ blocks, checkpoint, note: log.checkpoint })) {
    for (const root of [published, damaged]) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), bytes);
    }
  }
  const bundle = join(damaged, 'tile/entries/001');
  const bytes = await readFile(bundle);
  const at = bytes.indexOf('"index":300,') - 20;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(bundle, bytes);
  const { partials } = log.tree.state();
  const read = tileHashReader(SIZE, (level, index, width) =>
    width === 256 ? log.tiles.get(`${level}/${index}`) : partials[level],
  );
  const file = {
    index: 300,
    proof: await proveInclusion(300, SIZE, read),
    checkpoint: log.checkpoint,
    extra: encodeUtf8(log.lines[300] ?? ''),
  };
  await writeFile(proof, encodeProofFile(file));
  hostile = join(folder, 'hostile.tlog-proof');
  const text = (index: number, prev: string): string =>
    `{"index":${index},"prev":"${prev}","v":1,"what":"<img src=x onerror=alert(1)>\u202e"}`;
  const other = buildLog(1, { text });
  const lonely = {
    index: 0,
    proof: [],
    checkpoint: other.checkpoint,
    extra: encodeUtf8(other.lines[0] ?? ''),
  };
  await writeFile(hostile, encodeProofFile(lonely));
});
after(() => rm(folder, { recursive: true, force: true }));

interface Shown {
  readonly state: string;
  readonly summary: string;
  readonly verdicts: Record<string, string>;
  readonly entry: string;
}

/** Waits for the answer that follows what `act` asks. */
async function answer(page: Page, act: () => Promise<unknown>): Promise<Shown> {
  await page.evaluate("document.getElementById('result').dataset.state = 'none'");
  await act();
  return page.evaluate<Shown>(`new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no answer')), 20_000);
    const look = () => {
      const result = document.getElementById('result');
      if (['none', 'busy'].includes(result.dataset.state)) return setTimeout(look, 10);
      const items = [...document.querySelectorAll('#verdicts li')];
      resolve({
        state: result.dataset.state,
        summary: document.getElementById('summary').textContent,
        verdicts: Object.fromEntries(items.map((item) => [item.dataset.verdict, item.className])),
        entry: document.getElementById('entry').textContent,
      });
    };
    look();
  })`);
}

const giveKey = (page: Page, key: string) =>
  page.evaluate(`document.getElementById('key').value = ${JSON.stringify(key)}`);

const askUrl = (page: Page, url: string) =>
  answer(page, () =>
    page.evaluate(
      `document.getElementById('url').value = ${JSON.stringify(url)}; document.querySelector('#remote button').click()`,
    ),
  );

describe('the server of the page', () => {
  it('survives a target that is none, and answers to no other name than its own', async () => {
    const server = await servePage({ published });
    const { port } = new URL(server.url);
    const ask = (path: string, host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const asked = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asked.on('error', reject).end();
      });
    try {
      const own = `127.0.0.1:${port}`;
      for (const path of [
        '//',
        '//[',
        '/%',
        '/log/..%2f..%2fpackage.json',
        '/dist//etc/passwd',
        '/../package.json',
      ])
        assert.equal(await ask(path, own), 404, path);
      assert.equal(await ask('/log/checkpoint', `rebound.example:${port}`), 404);
      assert.equal(await ask('/log/checkpoint', own), 200);
    } finally {
      await server.close();
    }
  });
});

describe('the verifier in Chromium', () => {
  it('verifies logs and proofs, names what is bad, and calls nothing intact without a key', {
    timeout: 120_000,
  }, async () => {
    await withChromium(async (open) => {
      // With WebAssembly, and on a page that forbids it: the same answers.
      for (const webAssembly of [true, false]) {
        const good = await servePage({ published, webAssembly });
        const bad = await servePage({ published: damaged, webAssembly });
        try {
          const page = await open(good.url);
          await giveKey(page, vkey);
          assert.deepEqual(await askUrl(page, `${good.url}log`), {
            state: 'pass',
            summary: `All ${SIZE} entries of test.example/local are the ones that were signed`,
            verdicts: {
              integrity: 'pass',
              chain: 'pass',
              'append-only': 'neutral',
              signatures: 'pass',
              anchored: 'neutral',
            },
            entry: '',
          });

          const chosen = await answer(page, () => page.chooseFiles('#file', [proof]));
          assert.equal(chosen.state, 'pass');
          assert.equal(
            JSON.stringify(JSON.parse(chosen.entry)),
            JSON.stringify(JSON.parse(log.lines[300] ?? '')),
          );

          await giveKey(page, '');
          const unknown = await answer(page, () => page.chooseFiles('#file', [proof]));
          assert.deepEqual([unknown.state, unknown.entry], ['incomplete', '']);
          await giveKey(page, testSigner(8).vkey);
          assert.equal((await answer(page, () => page.chooseFiles('#file', [proof]))).state, 'incomplete');
          await giveKey(page, 'nonsense');
          assert.equal((await askUrl(page, `${good.url}log`)).state, 'incomplete');
          // Without a key a whole log is not confirmed, and is not called tampered with either.
          await giveKey(page, '');
          const unsigned = await askUrl(page, `${good.url}log`);
          assert.deepEqual(
            [unsigned.state, unsigned.verdicts.integrity, unsigned.verdicts.signatures],
            ['incomplete', 'incomplete', 'neutral'],
          );

          await giveKey(page, vkey);
          const shown = await answer(page, () => page.chooseFiles('#file', [hostile]));
          assert.equal(shown.state, 'pass');
          assert.ok(shown.entry.includes('<img src=x onerror=alert(1)>'), shown.entry);
          assert.ok(shown.entry.includes('\\u{202e}') && !shown.entry.includes('\u202e'), shown.entry);
          assert.equal(await page.evaluate("document.querySelectorAll('#result img').length"), 0);
          assert.deepEqual(page.complaints, []);

          const other = await open(bad.url);
          await giveKey(other, vkey);
          const found = await askUrl(other, `${bad.url}log`);
          assert.deepEqual(
            [found.state, found.summary, found.verdicts.integrity, found.verdicts.signatures],
            ['fail', 'This is not the log that was signed: the first bad entry is 300', 'fail', 'pass'],
          );
        } finally {
          await good.close();
          await bad.close();
        }
      }
    });
  });
});
