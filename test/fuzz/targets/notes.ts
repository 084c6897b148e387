/** Signed notes, checkpoints, keys, cosignatures, the witness protocol, rotation notes: what is accepted was signed. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8 } from '../../../src/core/bytes.ts';
import { encodeCheckpoint, openCheckpoint, parseCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import {
  cosignaturesOn,
  cosignatureVerifier,
  cosignerFromSkey,
  makeCosignerKey,
} from '../../../src/core/tlog/cosignature.ts';
import {
  encodeSkey,
  encodeVkey,
  makeKeyPair,
  parseSkey,
  parseVkey,
  signerFromSkey,
  verifierFromVkey,
} from '../../../src/core/tlog/key.ts';
import { readRotateEntry, walkRotations } from '../../../src/core/tlog/key-history.ts';
import {
  encodeSignatureLine,
  openNote,
  parseNote,
  parseSignatureLine,
  signNote,
} from '../../../src/core/tlog/note.ts';
import { createQuorum, judgeQuorum } from '../../../src/core/tlog/quorum.ts';
import {
  encodeAddCheckpoint,
  encodeCosignatures,
  encodeSize,
  judgeSubmission,
  parseAddCheckpoint,
  parseCosignatures,
  parseSize,
} from '../../../src/core/tlog/witness-protocol.ts';
import { buildRotated, rootAt } from '../../core/tlog/rotated.ts';
import { growLog, makeCosigner, WITNESSED } from '../../support/witness.ts';
import { nearly, nearlyText } from '../mutate.ts';
import { accepted, same, type Target, target } from '../target.ts';

const log = growLog();
const other = growLog({ fork: 0, fill: 8 });
const verifier = verifierFromVkey(log.signer.vkey);
const cosigners = [1, 2, 3].map((fill) => makeCosigner(fill, `witness.example/w${fill}`));
const witnesses = cosigners.map(({ vkey }) => cosignatureVerifier(vkey));
const TIME = 1_700_000_000;

const sizes = [0, 1, 5, 20];
const plain = sizes.map((size) => log.at(size).note);
/** With cosignatures, more than sixteen strangers' lines, and other people's notes. */
const cosigned = plain.map((note) => {
  const { text, signatures } = parseNote(note);
  return signNote(text, [], [...signatures, ...cosigners.map((one) => one.cosign(encodeUtf8(text), TIME))]);
});
const crowded = signNote(
  parseNote(plain[2] ?? new Uint8Array()).text,
  Array.from({ length: 20 }, (_, i) => growLog({ fill: 40 + i, origin: `stranger.example/${i}` }).signer),
  parseNote(plain[2] ?? new Uint8Array()).signatures,
);
const foreign = other.at(5).note;
const notes = [...plain, ...cosigned, crowded, foreign];
const signedTexts = new Set(plain.map((note) => parseNote(note).text));

function whole(note: {
  readonly text: string;
  readonly signatures: Parameters<typeof encodeSignatureLine>[0][];
}) {
  return encodeUtf8(`${note.text}\n${note.signatures.map(encodeSignatureLine).join('')}`);
}

const additions = await Promise.all(
  (
    [
      [0, 5],
      [1, 20],
      [5, 20],
      [20, 20],
    ] as const
  ).map(async ([from, to]) => {
    const subject = log.at(to);
    return encodeAddCheckpoint({
      oldSize: from,
      proof: await subject.consistencyFrom(from),
      note: subject.note,
    });
  }),
);

const rotated = buildRotated(12, [4, 9]);
const rotations = rotated.notes.map(({ size, note }) => ({
  size,
  note,
  root: rootAt(rotated.log, size),
  entry: encodeUtf8(rotated.log.lines[size - 1] ?? ''),
}));
const honestSpans = walkRotations(rotated.log.signer.name, rotations).spans.map(
  ({ verifier: { vkey }, from }) => [vkey, from],
);
assert.equal(honestSpans.length, 3);

export const noteTargets: readonly Target[] = [
  target('note: what parses is written back byte for byte', nearly(notes), ({ bytes }) => {
    const note = accepted(['NOTE_MALFORMED'], () => parseNote(bytes));
    if (note !== undefined)
      same(whole({ ...note, signatures: [...note.signatures] }), bytes, 'it reads as another note');
  }),
  target('note: what opens was signed', nearly(notes), ({ bytes }) => {
    const note = accepted(['NOTE_MALFORMED', 'NOTE_UNVERIFIED'], () => openNote(bytes, [verifier]));
    if (note !== undefined) assert.ok(signedTexts.has(note.text), 'a text that nobody signed');
  }),
  target(
    'note: a signature line is written back',
    nearlyText(
      notes
        .flatMap((note) => parseNote(note).signatures.map(encodeSignatureLine))
        .map((line) => line.slice(0, -1)),
    ),
    (line) => {
      const signature = accepted(['NOTE_MALFORMED'], () => parseSignatureLine(line));
      if (signature !== undefined) assert.equal(encodeSignatureLine(signature), `${line}\n`);
    },
  ),
  target('checkpoint: what parses is written back', nearlyText([...signedTexts]), (text) => {
    const checkpoint = accepted(['CHECKPOINT_MALFORMED'], () => parseCheckpoint(text));
    if (checkpoint !== undefined) assert.equal(encodeCheckpoint(checkpoint), text);
  }),
  target('checkpoint: what opens was signed for its origin', nearly(notes), ({ bytes }) => {
    const opened = accepted(['NOTE_MALFORMED', 'NOTE_UNVERIFIED', 'CHECKPOINT_MALFORMED'], () =>
      openCheckpoint(bytes, [verifier, verifierFromVkey(other.signer.vkey)]),
    );
    if (opened === undefined) return;
    const by = opened.signatures.map(({ keyId }) => keyId);
    const root = by.includes(verifier.keyId) ? log.root(opened.size) : other.root(opened.size);
    same(opened.root, root, 'a root that nobody signed');
  }),
  target(
    'keys: a vkey is written back',
    nearlyText([log.signer.vkey, ...cosigners.map(({ vkey }) => vkey)]),
    (text) => {
      const key = accepted(['KEY_MALFORMED'], () => parseVkey(text));
      if (key !== undefined) assert.equal(encodeVkey(key.name, key.type, key.publicKey), text);
      accepted(['KEY_MALFORMED'], () => verifierFromVkey(text));
      accepted(['KEY_MALFORMED'], () => cosignatureVerifier(text));
    },
  ),
  target(
    'keys: a private key is written back, and signs only as itself',
    nearlyText([
      makeKeyPair('a/b', new Uint8Array(32).fill(3)).skey,
      makeCosignerKey('w/x', new Uint8Array(32).fill(4)).skey,
    ]),
    (text) => {
      const key = accepted(['KEY_MALFORMED'], () => parseSkey(text));
      if (key === undefined) return;
      assert.equal(encodeSkey(key.name, key.id, key.type, key.seed), text);
      for (const open of [signerFromSkey, cosignerFromSkey]) {
        const signer = accepted(['KEY_MALFORMED'], () => open(text));
        if (signer !== undefined) assert.deepEqual([signer.name, signer.keyId], [key.name, key.id]);
      }
    },
  ),
  target(
    'cosignatures: what counts was made by that witness over this text',
    nearly(cosigned),
    ({ bytes }) => {
      const note = accepted(['NOTE_MALFORMED'], () => parseNote(bytes));
      if (note === undefined) return;
      const { verified } = cosignaturesOn(note, witnesses);
      for (const { time } of verified) assert.equal(time, TIME);
      if (verified.length > 0) assert.ok(signedTexts.has(note.text), 'a text that no witness saw');
    },
  ),
  target(
    'quorum: no witness counts twice',
    fc.tuple(nearly(cosigned), fc.integer({ min: 1, max: 3 })),
    ([{ bytes }, needed]) => {
      const quorum = createQuorum(
        witnesses.map(({ vkey }) => vkey),
        needed,
      );
      const result = accepted(['NOTE_MALFORMED'], () => judgeQuorum(quorum, bytes));
      if (result === undefined) return;
      const text = parseNote(bytes).text;
      assert.equal(new Set(result.by.map(({ name }) => name)).size, result.by.length);
      assert.ok(result.by.length <= 3 && (result.by.length === 0 || signedTexts.has(text)));
    },
  ),
  target('witness: a request is written back', nearly(additions), ({ bytes }) => {
    const request = parseAddCheckpoint(bytes);
    if (!('malformed' in request)) same(encodeAddCheckpoint(request), bytes, 'it reads as another request');
  }),
  target(
    'witness: only what continues the known checkpoint is cosigned',
    fc.tuple(nearly(additions), fc.constantFrom(...sizes)),
    ([{ bytes }, size]) => {
      const request = parseAddCheckpoint(bytes);
      if ('malformed' in request) return;
      const answer = judgeSubmission(request, [verifier], { size, root: log.root(size) });
      if (answer.status !== 200) return;
      assert.ok(answer.checkpoint.size >= size && answer.checkpoint.origin === WITNESSED);
      same(answer.checkpoint.root, log.root(answer.checkpoint.size), 'another history');
    },
  ),
  target(
    'witness: an answer is written back',
    nearly([
      ...cosigned.map((note) => encodeCosignatures(parseNote(note).signatures)),
      ...sizes.map(encodeSize),
    ]),
    ({ bytes }) => {
      const lines = parseCosignatures(bytes);
      if (lines !== undefined) same(encodeCosignatures(lines), bytes, 'it reads as other lines');
      const size = parseSize(bytes);
      if (size !== undefined) same(encodeSize(size), bytes, 'it reads as another size');
    },
  ),
  target(
    'rotation: no key follows but by a note that both signed and the entry that binds it',
    fc.tuple(
      fc.nat(1),
      nearly(rotations.map(({ note }) => note)),
      nearly(rotations.map(({ entry }) => entry)),
      fc.nat(3),
    ),
    ([which, note, entry, what]) => {
      const changed = rotations.map((one, i) =>
        i !== which
          ? one
          : {
              ...one,
              ...(what === 1 ? {} : { note: note.bytes }),
              ...(what === 0 ? {} : { entry: entry.bytes }),
            },
      );
      const { spans } = walkRotations(rotated.log.signer.name, changed);
      // Each span is one of the honest history, in its order: nothing else was signed by anyone.
      assert.deepEqual(
        spans.map(({ verifier: { vkey }, from }) => [vkey, from]),
        honestSpans.slice(0, spans.length),
      );
    },
  ),
  target(
    'rotation: its entry reads as JSON says',
    nearly(rotations.map(({ entry }) => entry)),
    ({ bytes }) => {
      const bound = readRotateEntry(bytes);
      if (typeof bound === 'string') return;
      const entry = JSON.parse(decodeUtf8(bytes) ?? '');
      assert.deepEqual(
        [entry.index, entry.metadata.old, entry.metadata.new, entry.type],
        [bound.index, bound.old, bound.next, 'key.rotate'],
      );
    },
  ),
];
