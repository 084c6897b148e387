import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { openCheckpoint, signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { publishTree } from '../../../src/core/tlog/publish.ts';
import { publishedLog } from '../../../src/core/tlog/published.ts';
import { verifyLog } from '../../../src/core/tlog/verify.ts';
import { exitCodeOf, type Report } from '../../../src/core/tlog/verify-report.ts';
import { buildLog, sourceOf, type TestLog, testSigner } from './fixture.ts';

type Files = Map<string, Uint8Array>;

async function publish(log: TestLog): Promise<Files> {
  const checkpoint = openCheckpoint(log.checkpoint, [verifierFromVkey(log.signer.vkey)]);
  const files: Files = new Map();
  const blocks = (): AsyncIterable<Uint8Array> => sourceOf(log).blocks();
  for await (const { path, bytes } of publishTree({ blocks, checkpoint, note: log.checkpoint }))
    files.set(path, bytes);
  return files;
}

async function verify(files: Files, listed: boolean): Promise<Report> {
  const source = await publishedLog({
    get: async (path) => files.get(path)?.slice(),
    ...(listed
      ? { list: async () => [...files.keys()].filter((path) => path.startsWith('tile/entries/')) }
      : {}),
  });
  assert.ok(source);
  return verifyLog(source, { pinned: [log.signer.vkey] });
}

const log = buildLog(1100);
const whole = await publish(log);
/** A copy with one file changed or taken away. */
function without(path: string, change?: (bytes: Uint8Array) => Uint8Array): Files {
  const files = new Map(whole);
  const bytes = files.get(path);
  assert.ok(bytes);
  if (change === undefined) files.delete(path);
  else files.set(path, change(bytes.slice()));
  return files;
}
const flip = (at: number) => (bytes: Uint8Array) => {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
};

describe('a published log', () => {
  it('verifies whole, listed or not', async () => {
    for (const listed of [true, false]) {
      const report = await verify(whole, listed);
      assert.deepEqual([exitCodeOf(report), report.entries, report.integrity.status], [0, 1100, 'pass']);
    }
  });

  it('is none where there is no checkpoint', async () => {
    assert.equal(await publishedLog({ get: async () => undefined }), undefined);
  });

  it('of which one bundle is gone is checked before and after the hole', async () => {
    for (const listed of [true, false]) {
      const files = without('tile/entries/001');
      // An altered entry behind the hole is named too.
      files.set('tile/entries/003', flip(30)(whole.get('tile/entries/003')?.slice() ?? new Uint8Array()));
      const { integrity } = await verify(files, listed);
      assert.deepEqual(integrity.missing, [{ from: 256, to: 512 }]);
      assert.deepEqual([integrity.status, integrity.first_bad, integrity.bad[0]?.index], ['fail', 256, 768]);
    }
  });

  it('of which the first or the last bundle is gone names what is missing', async () => {
    const { integrity: first } = await verify(without('tile/entries/000'), false);
    assert.deepEqual(first.missing, [{ from: 0, to: 256 }]);
    const { integrity: last } = await verify(without('tile/entries/004.p/76'), true);
    assert.deepEqual(last.missing, [{ from: 1024, to: 1100 }]);
  });

  it('keeps what can still be read of a bundle whose lengths are damaged', async () => {
    const bundle = whole.get('tile/entries/002') ?? new Uint8Array();
    // The length of the fourth entry.
    let at = 0;
    for (let i = 0; i < 3; i++) at += 2 + ((bundle[at] ?? 0) << 8) + (bundle[at + 1] ?? 0);
    for (const damage of [flip(at), flip(at + 1), (b: Uint8Array) => b.slice(0, at + 10)]) {
      const { integrity } = await verify(without('tile/entries/002', damage), false);
      assert.deepEqual(integrity.missing, [{ from: 515, to: 768 }]);
      assert.deepEqual(integrity.bad, []);
      assert.equal(integrity.first_bad, 515);
    }
  });

  it('may have taken a partial bundle away when the full one is there', async () => {
    const longer = await publish(buildLog(1280));
    const files = without('tile/entries/004.p/76');
    files.set('tile/entries/004', longer.get('tile/entries/004') ?? new Uint8Array());
    assert.equal(exitCodeOf(await verify(files, true)), 0);
  });

  it('cannot make a verifier look for more bundles than there are', async () => {
    const huge = signCheckpoint(
      { origin: log.signer.name, size: Number.MAX_SAFE_INTEGER, root: new Uint8Array(32) },
      [testSigner()],
    );
    for (const listed of [true, false]) {
      let asked = 0;
      const source = await publishedLog({
        get: async (path) => {
          asked++;
          return path === 'checkpoint' ? huge : undefined;
        },
        ...(listed ? { list: async () => ['tile/entries/x999/x999/999', 'tile/entries/zz', 'x'] } : {}),
      });
      assert.ok(source);
      const report = await verifyLog(source, { pinned: [log.signer.vkey] });
      assert.equal(exitCodeOf(report), 6);
      assert.ok(asked < 2 * LIMITS.absentBundles + 10, `${asked}`);
    }
  });

  it('is never called intact when a byte of a bundle was changed, whatever it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('tile/entries/000', 'tile/entries/003', 'tile/entries/004.p/76'),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (path, place, xor) => {
          const { length } = whole.get(path) ?? [];
          const at = place % length;
          const files = without(path, (bytes) => {
            bytes[at] = (bytes[at] ?? 0) ^ xor;
            return bytes;
          });
          const report = await verify(files, true);
          assert.equal(exitCodeOf(report), 6);
          assert.notEqual(report.integrity.first_bad, undefined);
        },
      ),
      { numRuns: 40 },
    );
  });
});

it('the fixture’s lines are those that are published', () => {
  const text = Buffer.from(whole.get('tile/entries/000') ?? []).toString('latin1');
  assert.ok(text.includes(Buffer.from(encodeUtf8(log.lines[0] ?? '')).toString('latin1')));
});
