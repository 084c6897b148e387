/** One entry against a checkpoint: what a proof file carries, and what it shows. */
import { encodeHex } from '../bytes.ts';
import { isTallyError, TallyError } from '../error.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { scanFields } from './fields.ts';
import { verifierFromVkey } from './key.ts';
import { parseNote } from './note.ts';
import { checkInclusion, type Proof } from './proof.ts';
import { type ProofFile, parseProofFile } from './proof-file.ts';
import { leafHash } from './tree.ts';
import type { SignaturesVerdict, Status } from './verify-report.ts';
import { attempt, readSigned } from './verify-signed.ts';

/**
 * Throws `PROOF_INVALID` unless `proof` shows that `entry` (its stored bytes, without newline) stands at `index` of the
 * tree that the checkpoint tells of, and the entry says so itself. Who signed the checkpoint is another question.
 */
export function checkEntry(
  entry: Uint8Array,
  index: number,
  proof: Proof,
  checkpoint: Pick<Checkpoint, 'size' | 'root'>,
): void {
  checkInclusion(proof, index, leafHash(entry), checkpoint.size, checkpoint.root);
  const carries = scanFields(entry, 0, entry.length)?.index;
  if (carries !== index)
    throw new TallyError(
      'PROOF_INVALID',
      `the entry at index ${index} says it is entry ${carries ?? 'nowhere'}`,
    );
}

/** A verdict on something else than the entries: what a witness or an anchor adds. */
export interface OtherVerdict {
  readonly status: Status;
  readonly note: string;
}

export interface ProofVerdict {
  /** `incomplete`: the file holds no entry and none was given, or nobody known signed what the proof leads to. */
  readonly status: 'pass' | 'fail' | 'incomplete';
  readonly note?: string;
}

/** Separate verdicts, as of a whole log; the shape of `tally verify FILE --json`. */
export interface ProofReport {
  /** Of the checkpoint; absent when it does not parse, as are `size` and `index`. */
  readonly origin?: string;
  readonly size?: number;
  readonly index?: number;
  /** Lower-case hex of the entry's leaf hash. */
  readonly leaf_hash?: string;
  /** The entry is the one at this index of the signed tree. */
  readonly integrity: ProofVerdict;
  readonly signatures: SignaturesVerdict;
  /** What `VerifyProofOptions.witnesses` said. */
  readonly witnesses?: OtherVerdict;
  /** Neutral: a proof file carries no receipts of anchors. */
  readonly anchored: OtherVerdict;
}

export interface VerifiedProof {
  readonly report: ProofReport;
  /** The entry's bytes, only when integrity and signatures pass: then they are what the log's key signed. */
  readonly entry?: Uint8Array;
}

export interface VerifyProofOptions {
  /** Keys that the caller trusts to be the log's. Throws `KEY_MALFORMED` for one that is no key. */
  readonly pinned?: readonly string[];
  /** The stored bytes of the entry, for a file that does not carry them, or to hold against what it carries. */
  readonly entry?: Uint8Array;
  /** Judges cosignatures on the signed note, which parses. Signatures by keys that nobody knows are ignored. */
  readonly witnesses?: (checkpoint: Uint8Array) => OtherVerdict;
}

/** Ends on any bytes. An answer, not an exception: a file that does not parse fails integrity. */
export function verifyProof(bytes: Uint8Array, options: VerifyProofOptions = {}): VerifiedProof {
  const pinned = (options.pinned ?? []).map(verifierFromVkey);
  const anchored: OtherVerdict = { status: 'neutral', note: 'no anchor was given' };
  const file = parsed(bytes);
  if (typeof file === 'string') {
    return {
      report: {
        integrity: { status: 'fail', note: file },
        signatures: { status: 'incomplete', signed_by: [], note: 'there is no checkpoint to look at' },
        anchored,
      },
    };
  }
  const { index, checkpoint: note } = file;
  const checkpoint = attempt(() => parseCheckpoint(parseNote(note).text));
  const signatures = judgeSigner(note, checkpoint, pinned);
  const entry = options.entry ?? file.extra;
  const integrity = judgeInclusion(file, entry, checkpoint, signatures, options.entry);
  const proven = integrity.status === 'pass' && signatures.status === 'pass' ? entry : undefined;
  return {
    report: {
      ...(checkpoint === undefined ? {} : { origin: checkpoint.origin, size: checkpoint.size }),
      index,
      ...(entry === undefined ? {} : { leaf_hash: encodeHex(leafHash(entry)) }),
      integrity,
      signatures,
      ...(options.witnesses === undefined || checkpoint === undefined
        ? {}
        : { witnesses: options.witnesses(note) }),
      anchored,
    },
    ...(proven === undefined ? {} : { entry: proven }),
  };
}

/** The file, or why it is none. */
function parsed(bytes: Uint8Array): ProofFile | string {
  try {
    return parseProofFile(bytes);
  } catch (error) {
    if (isTallyError(error)) return error.message;
    throw error;
  }
}

function judgeSigner(
  note: Uint8Array,
  checkpoint: Checkpoint | undefined,
  pinned: Parameters<typeof readSigned>[2],
): SignaturesVerdict {
  if (checkpoint === undefined)
    return { status: 'fail', signed_by: [], note: 'the checkpoint does not parse' };
  const { origin } = checkpoint;
  if (pinned.length === 0)
    return {
      status: 'neutral',
      signed_by: [],
      note: `no key is known for ${origin}, so anybody could have signed`,
    };
  // A key of another log says nothing about this one, whether its line holds or not.
  const own = pinned.filter(({ name }) => name === origin);
  if (own.length === 0)
    return {
      status: 'incomplete',
      signed_by: [],
      note: `the proof is of ${origin}, the given key is of ${pinned.map(({ name }) => name).join(', ')}`,
    };
  const lines = parseNote(note).signatures;
  const known = lines.some((line) =>
    own.some(({ name, keyId }) => name === line.name && keyId === line.keyId),
  );
  if (!known) {
    const others = lines.filter(({ name }) => name === origin).map(({ name, keyId }) => `${name}+${keyId}`);
    return {
      status: 'incomplete',
      signed_by: [],
      note: `it names ${others.join(', ') || 'no key of the log'}, not the key that is trusted here: a log whose key was rotated needs the key that signed at that time, an older one or a newer one`,
    };
  }
  return readSigned(note, origin, own, []).verdict;
}

function judgeInclusion(
  { index, proof, extra }: ProofFile,
  entry: Uint8Array | undefined,
  checkpoint: Checkpoint | undefined,
  { status }: SignaturesVerdict,
  given: Uint8Array | undefined,
): ProofVerdict {
  if (checkpoint === undefined) return { status: 'fail', note: 'there is no checkpoint that parses' };
  if (entry === undefined)
    return {
      status: 'incomplete',
      note: 'the file does not carry the entry: give its stored bytes to hold them against the proof',
    };
  try {
    checkEntry(entry, index, proof, checkpoint);
    // Both would lead to one root only if they were the same; a file that carries another entry is a false one.
    if (given !== undefined && extra !== undefined) checkEntry(extra, index, proof, checkpoint);
  } catch (error) {
    if (isTallyError(error)) return { status: 'fail', note: error.message };
    throw error;
  }
  if (status === 'pass') return { status };
  return { status: 'incomplete', note: 'it leads to a root, but no known key signed that root' };
}

/** 6 tampering shown; 2 could not find out (no key, no entry); 0 the entry is the one that was signed at its index. */
export function exitCodeOfProof({ integrity, signatures, witnesses }: ProofReport): 0 | 2 | 6 {
  const decisive = [integrity.status, signatures.status, witnesses?.status ?? 'neutral'];
  if (decisive.includes('fail')) return 6;
  if (integrity.status !== 'pass' || signatures.status !== 'pass') return 2;
  return decisive.includes('incomplete') ? 2 : 0;
}
