import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concatBytes, decodeUtf8, encodeBase64, encodeUtf8 } from '../../../src/core/bytes.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { cosignerFromSkey, makeCosignerKey } from '../../../src/core/tlog/cosignature.ts';
import { verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { proveConsistency } from '../../../src/core/tlog/proof.ts';
import { createRange, emptyRoot, leafHash } from '../../../src/core/tlog/tree.ts';
import {
  encodeAddCheckpoint,
  encodeCosignatures,
  encodeSize,
  judgeSubmission,
  parseAddCheckpoint,
  parseCosignatures,
  parseSize,
  type Submission,
} from '../../../src/core/tlog/witness-protocol.ts';
import { ORIGIN, testSigner } from './fixture.ts';

const log = testSigner();
const keys = [verifierFromVkey(log.vkey)];
const leaves = Array.from({ length: 20 }, (_, i) => leafHash(encodeUtf8(`entry ${i}`)));

function rootOf(size: number): Uint8Array {
  const range = createRange();
  for (const leaf of leaves.slice(0, size)) range.append(leaf);
  return range.root();
}
const at = (size: number): { size: number; root: Uint8Array } => ({ size, root: rootOf(size) });
const note = (size: number, root = rootOf(size), signer = log): Uint8Array =>
  signCheckpoint({ origin: ORIGIN, size, root }, [signer]);

function proof(from: number, to: number): Promise<Uint8Array[]> {
  return proveConsistency(from, to, (height, index) => {
    const range = createRange();
    for (const leaf of leaves.slice(index * 2 ** height, (index + 1) * 2 ** height)) range.append(leaf);
    return range.root();
  });
}

function read(bytes: Uint8Array): Submission {
  const parsed = parseAddCheckpoint(bytes);
  assert.ok(!('malformed' in parsed), JSON.stringify(parsed));
  return parsed;
}
const complaint = (text: string | Uint8Array): string => {
  const parsed = parseAddCheckpoint(typeof text === 'string' ? encodeUtf8(text) : text);
  assert.ok('malformed' in parsed, 'it was accepted');
  return parsed.malformed;
};

async function submit(from: number, to: number, latest = at(from), given = note(to)): Promise<number> {
  const request = { oldSize: from, proof: await proof(from, Math.max(from, to)), note: given };
  return judgeSubmission(read(encodeAddCheckpoint(request)), keys, latest).status;
}

describe('a request to a witness', () => {
  it('reads back as it was written', async () => {
    for (const [from, to] of [
      [0, 0],
      [0, 5],
      [3, 20],
      [7, 7],
    ] as const) {
      const request = { oldSize: from, proof: await proof(from, to), note: note(to) };
      const { claimed, ...rest } = read(encodeAddCheckpoint(request));
      assert.deepEqual(rest, request);
      assert.deepEqual(claimed, { origin: ORIGIN, ...at(to) });
    }
  });

  it('has the form that the protocol shows', async () => {
    const [first = new Uint8Array(), ...rest] = await proof(3, 4);
    const text =
      decodeUtf8(encodeAddCheckpoint({ oldSize: 3, proof: [first, ...rest], note: note(4) })) ?? '';
    assert.ok(text.startsWith(`old 3\n${encodeBase64(first)}\n`));
    assert.ok(text.includes(`\n\n${ORIGIN}\n4\n`));
  });

  it('is refused in every other form', () => {
    const good = decodeUtf8(note(4)) ?? '';
    const hash = `${encodeBase64(rootOf(1))}\n`;
    assert.ok(!('malformed' in parseAddCheckpoint(encodeUtf8(`old 1\n${hash.repeat(63)}\n${good}`))));
    assert.match(complaint(`old 1\n${hash.repeat(64)}\n${good}`), /at most 63/);
    for (const first of [
      'old 01',
      'old',
      'old ',
      'old -1',
      'old +1',
      'old 1 ',
      'old  1',
      'old 1.0',
      'OLD 1',
      'new 1',
      '',
      ' old 1',
      'old 9007199254740992',
      'old 1\r',
    ])
      assert.match(complaint(`${first}\n\n${good}`), /first line|empty line|parse/, first);
    for (const line of [
      '',
      'x',
      hash.slice(1),
      ` ${hash}`,
      hash.replace('\n', '\r\n'),
      hash.replace('=', ''),
    ])
      assert.ok(complaint(`old 1\n${line.endsWith('\n') ? line : `${line}\n`}\n${good}`));
    for (const bad of ['', 'old 1\n', 'old 1\n\n', `old 1\n${good}`, good, `old 1\n\n${good.slice(0, -1)}`])
      assert.ok(complaint(bad), bad);
    assert.match(complaint(new Uint8Array([0xff])), /UTF-8/);
    assert.match(complaint(new Uint8Array(LIMITS.witnessMessageBytes + 1)), /more than/);
  });

  it('with extension lines in its checkpoint, or a size of another writing, is refused', () => {
    const [text = '', signatures = ''] = (decodeUtf8(note(4)) ?? '').split('\n\n');
    assert.ok(complaint(`old 0\n\n${text}\nextension\n\n${signatures}`));
    assert.ok(complaint(`old 0\n\n${text.replace('\n4\n', '\n04\n')}\n\n${signatures}`));
  });

  it('ends in an answer in bounded time, whatever its bytes', () => {
    const piece = fc.constantFrom(
      'old ',
      '0',
      '7',
      '\n',
      '\n\n',
      encodeBase64(rootOf(1)),
      decodeUtf8(note(4)) ?? '',
      '— ',
      ORIGIN,
      '\r',
      ' ',
      '=',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.uint8Array({ maxLength: 50 }), (pieces, raw) => {
        for (const bytes of [encodeUtf8(pieces.join('')), concatBytes(encodeUtf8('old 0\n\n'), raw)]) {
          const parsed = parseAddCheckpoint(bytes);
          if ('malformed' in parsed) assert.equal(typeof parsed.malformed, 'string');
          else assert.deepEqual(encodeAddCheckpoint(parsed), bytes);
        }
      }),
      { numRuns: 1000 },
    );
    const started = performance.now();
    for (const filler of ['\n', 'A\n', '\n\n', '— a b\n', 'old 1\n']) {
      const text = `old 1\n${filler.repeat(LIMITS.witnessMessageBytes / filler.length)}`;
      assert.ok(complaint(text.slice(0, LIMITS.witnessMessageBytes - 100)));
    }
    assert.ok(performance.now() - started < 1000);
  });
});

describe('a witness', () => {
  it('cosigns what continues the last, for all sizes', async () => {
    for (let from = 0; from <= 20; from++)
      for (let to = from; to <= 20; to += 3) assert.equal(await submit(from, to), 200, `${from} to ${to}`);
  });

  it('answers 400 for an old size above that of the checkpoint', async () => {
    assert.equal(await submit(5, 4), 400);
  });

  it('answers 409 with its size when the old size is not the last it cosigned', async () => {
    assert.equal(await submit(0, 9, at(4)), 409);
    assert.equal(await submit(9, 9, at(4)), 409);
    const submission = read(encodeAddCheckpoint({ oldSize: 0, proof: [], note: note(9) }));
    assert.deepEqual(judgeSubmission(submission, keys, at(4)), { status: 409, size: 4 });
  });

  it('answers 403 without a signature it trusts, or with a trusted one that does not hold', async () => {
    const other = testSigner(8);
    assert.equal(await submit(0, 4, at(0), note(4, rootOf(4), other)), 403);
    const honest = decodeUtf8(note(4)) ?? '';
    const lifted = encodeUtf8(honest.replace('\n4\n', '\n5\n'));
    assert.equal(await submit(0, 5, at(0), lifted), 403);
    // A signature of another log does not speak for this one.
    const elsewhere = testSigner(7, 'other.example/local');
    const request = read(encodeAddCheckpoint({ oldSize: 0, proof: [], note: note(4, rootOf(4), elsewhere) }));
    assert.equal(judgeSubmission(request, [verifierFromVkey(elsewhere.vkey)], at(0)).status, 403);
  });

  it('answers 422 for a fork: a proof that does not hold, another root at one size, an empty tree with a root', async () => {
    assert.equal(await submit(4, 9, { size: 4, root: rootOf(5) }), 422);
    assert.equal(await submit(9, 9, at(9), note(9, rootOf(8))), 422);
    assert.equal(await submit(0, 0, at(0), note(0, rootOf(1))), 422);
    assert.equal(await submit(0, 0, at(0), note(0, emptyRoot())), 200);
    const judge = (oldSize: number, hashes: Uint8Array[], to: number): number =>
      judgeSubmission(
        read(encodeAddCheckpoint({ oldSize, proof: hashes, note: note(to) })),
        keys,
        at(oldSize),
      ).status;
    assert.equal(judge(0, [rootOf(1)], 9), 422);
    assert.equal(judge(4, [], 9), 422);
    assert.equal(judge(9, [rootOf(1)], 9), 422);
    const whole = await proof(4, 9);
    assert.equal(judge(4, whole, 9), 200);
    assert.equal(judge(4, whole.slice(1), 9), 422);
    assert.equal(judge(4, [...whole, rootOf(1)], 9), 422);
    assert.equal(
      judge(
        4,
        Array.from({ length: 63 }, () => rootOf(1)),
        9,
      ),
      422,
    );
  });

  it('cosigns no proof with one bit changed', async () => {
    const whole = await proof(6, 17);
    for (let i = 0; i < whole.length; i++) {
      const changed = whole.map((hash) => hash.slice());
      const hash = changed[i];
      if (hash !== undefined) hash[i] = (hash[i] ?? 0) ^ 1;
      const request = read(encodeAddCheckpoint({ oldSize: 6, proof: changed, note: note(17) }));
      assert.equal(judgeSubmission(request, keys, at(6)).status, 422);
    }
  });
});

describe('spec/vectors/cosignature.json', () => {
  it('shows requests with the status that answers them', () => {
    const url = new URL('../../../spec/vectors/cosignature.json', import.meta.url);
    const vectors = JSON.parse(readFileSync(url, 'utf8'));
    const latest = { size: vectors.latest.size, root: Buffer.from(vectors.latest.root, 'base64') };
    for (const { why, status, body } of vectors.requests) {
      const parsed = parseAddCheckpoint(encodeUtf8(body));
      const answer =
        'malformed' in parsed ? 400 : judgeSubmission(parsed, [verifierFromVkey(vectors.log)], latest).status;
      assert.equal(answer, status, why);
    }
    assert.ok(vectors.requests.length > 10);
  });
});

describe('an answer of a witness', () => {
  it('reads back as it was written', () => {
    const cosigner = cosignerFromSkey(makeCosignerKey('w.example', new Uint8Array(32).fill(1)).skey);
    const lines = [1, 2].map((time) => cosigner.cosign(encodeUtf8('x\n'), time));
    assert.deepEqual(parseCosignatures(encodeCosignatures(lines)), lines);
    for (const size of [0, 7, Number.MAX_SAFE_INTEGER]) assert.equal(parseSize(encodeSize(size)), size);
  });

  it('is refused in every other form, whatever its bytes', () => {
    for (const bad of [
      '',
      '7',
      '07\n',
      ' 7\n',
      '7\r\n',
      '7\n\n',
      '-7\n',
      '7 \n',
      '9007199254740992\n',
      '1e3\n',
    ])
      assert.equal(parseSize(encodeUtf8(bad)), undefined, bad);
    const line = '— w.example AAAAAAA=\n';
    assert.ok(parseCosignatures(encodeUtf8(line)));
    assert.ok(parseCosignatures(encodeUtf8(line.repeat(100))));
    for (const bad of [
      '',
      '\n',
      line.slice(0, -1),
      `${line}\n`,
      `\n${line}`,
      line.repeat(101),
      line.replace('— ', '- '),
      `${line}x\n`,
    ])
      assert.equal(parseCosignatures(encodeUtf8(bad)), undefined, bad);
    const piece = fc.constantFrom('— ', 'w', ' ', 'AAAAAAA=', '\n', '7', '\r');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.uint8Array({ maxLength: 30 }), (pieces, raw) => {
        for (const bytes of [encodeUtf8(pieces.join('')), raw]) {
          const lines = parseCosignatures(bytes);
          if (lines !== undefined) assert.deepEqual(encodeCosignatures(lines), bytes);
          const size = parseSize(bytes);
          if (size !== undefined) assert.deepEqual(encodeSize(size), bytes);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
