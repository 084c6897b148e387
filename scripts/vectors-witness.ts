/** spec/vectors/cosignature.json: cosignatures, and requests to a witness with what it has to answer. */
import { encodeBase64, encodeUtf8 } from '../src/core/bytes.ts';
import { sha256 } from '../src/core/hash.ts';
import { encodeCheckpoint, signCheckpoint } from '../src/core/tlog/checkpoint.ts';
import {
  type Cosigner,
  cosignerFromSkey,
  makeCosignerKey,
  mergeSignatures,
} from '../src/core/tlog/cosignature.ts';
import type { Signer } from '../src/core/tlog/key.ts';
import { encodeSignatureLine } from '../src/core/tlog/note.ts';
import { type HashReader, proveConsistency, treeRoot } from '../src/core/tlog/proof.ts';
import { encodeAddCheckpoint } from '../src/core/tlog/witness-protocol.ts';

const SEEDS = ['test witness 1', 'test witness 2'] as const;
const TIME = 1_679_315_147;
const OLD = 11;
const NEW = 17;

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function cosigner(seed: string, number: number): Cosigner {
  const { skey } = makeCosignerKey(`witness.example/w${number}`, sha256(seed));
  return cosignerFromSkey(skey);
}

/** `read`: the tree of tree.json; `log` signs its checkpoints. */
export async function witnessVectors(log: Signer, read: HashReader): Promise<unknown> {
  const origin = log.name;
  const checkpointOf = async (size: number) => ({ origin, size, root: await treeRoot(size, read) });
  const [older, newer] = [await checkpointOf(OLD), await checkpointOf(NEW)];
  const body = encodeCheckpoint(newer);
  const [w1, w2] = [cosigner(SEEDS[0], 1), cosigner(SEEDS[1], 2)];
  const note = signCheckpoint(newer, [log]);
  const lines = [w1.cosign(encodeUtf8(body), TIME), w2.cosign(encodeUtf8(body), TIME + 1)] as const;
  const cosigned = mergeSignatures(note, lines);

  const moved = lines[0].signature.slice();
  moved[7] = (moved[7] ?? 0) + 1;
  const zero = lines[0].signature.slice().fill(0, 0, 8);
  const bad: Readonly<Record<string, Uint8Array>> = {
    'another time than was signed': moved,
    'a time of 0': zero,
    'over another checkpoint': w1.cosign(encodeUtf8(encodeCheckpoint(older)), TIME).signature,
    'by the key of another witness': lines[1].signature,
    'without a time': lines[0].signature.slice(8),
    'a byte too long': new Uint8Array([...lines[0].signature, 0]),
  };

  const proof = await proveConsistency(OLD, NEW, read);
  const request = (oldSize: number, hashes: readonly Uint8Array[], signed: Uint8Array): string =>
    text(encodeAddCheckpoint({ oldSize, proof: hashes, note: signed }));
  const good = request(OLD, proof, note);
  const fork = signCheckpoint({ ...newer, root: older.root }, [log]);
  const twin = signCheckpoint({ ...older, root: newer.root }, [log]);
  const answers: readonly (readonly [why: string, status: number, body: string])[] = [
    ['continues the last', 200, good],
    ['the last itself', 200, request(OLD, [], signCheckpoint(older, [log]))],
    ['from nothing', 409, request(0, [], note)],
    ['from another size', 409, request(OLD - 1, await proveConsistency(OLD - 1, NEW, read), note)],
    ['old is larger than the checkpoint', 400, request(NEW + 1, [], note)],
    ['a proof that lacks its last hash', 422, request(OLD, proof.slice(0, -1), note)],
    ['no proof', 422, request(OLD, [], note)],
    ['another tree', 422, request(OLD, proof, fork)],
    ['another root at the same size', 422, request(OLD, [], twin)],
    ['a checkpoint that the log did not sign', 403, good.replace('\n17\n', '\n18\n')],
    ['a leading zero in the old size', 400, good.replace('old ', 'old 0')],
    ['no empty line', 400, good.replace('\n\n', '\n')],
    [
      '64 hashes',
      400,
      request(OLD, [], note).replace('\n', `\n${`${encodeBase64(older.root)}\n`.repeat(64)}`),
    ],
    ['a hash of 31 bytes', 400, good.replace(/\n[^\n]{44}\n/, `\n${'A'.repeat(40)}AA==\n`)],
  ];
  return {
    about:
      'C2SP tlog-cosignature v1.0.1 and tlog-witness v1.0.0; the log is that of checkpoint.json and tree.json, the seed of a witness is the SHA-256 of its `seed`',
    log: log.vkey,
    witnesses: [w1, w2].map(({ vkey }, i) => ({ seed: SEEDS[i], vkey })),
    text: body,
    times: [TIME, TIME + 1],
    note: text(cosigned),
    not_cosignatures: Object.entries(bad).map(([why, signature]) => ({
      why,
      note: `${text(note)}${encodeSignatureLine({ ...lines[0], signature })}`,
    })),
    latest: { size: OLD, root: encodeBase64(older.root) },
    requests: answers.map(([why, status, sent]) => ({ why, status, body: sent })),
  };
}
