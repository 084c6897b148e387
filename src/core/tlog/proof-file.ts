/**
 * Proof files (C2SP tlog-proof@v1): one file that shows, without a network, that an entry stands in a log.
 *
 *     "c2sp.org/tlog-proof@v1\n"  ["extra " b64 "\n"]  "index " n "\n"  (b64 hash "\n")*  "\n"  checkpoint
 *
 * `extra` carries the bytes of the entry. The format does not authenticate it, and need not: it is believed only when its
 * leaf hash leads to the signed root.
 */
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8 } from '../bytes.ts';
import { invariant, TallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import type { Proof } from './proof.ts';

export const PROOF_FILE_HEADER = 'c2sp.org/tlog-proof@v1';
const EXTRA = 'extra ';
const INDEX = 'index ';

export interface ProofFile {
  readonly index: number;
  /** Nearest to the leaf first. */
  readonly proof: Proof;
  /** The signed note, verbatim. Not parsed here. */
  readonly checkpoint: Uint8Array;
  /** The bytes of the entry, in a file that this program wrote. Absent in others perhaps. */
  readonly extra?: Uint8Array;
}

export function encodeProofFile({ index, proof, checkpoint, extra }: ProofFile): Uint8Array {
  const note = decodeUtf8(checkpoint);
  invariant(Number.isSafeInteger(index) && index >= 0, 'an index is a safe integer');
  invariant(proof.length <= LIMITS.proofHashes, 'a proof has at most 63 hashes');
  invariant(
    proof.every((hash) => hash.length === HASH_BYTES),
    'every hash has 32 bytes',
  );
  invariant(note !== undefined && note !== '', 'a checkpoint is text');
  invariant(extra === undefined || extra.length > 0, 'there is no line for an empty extra');
  const lines = [
    PROOF_FILE_HEADER,
    ...(extra === undefined ? [] : [`${EXTRA}${encodeBase64(extra)}`]),
    `${INDEX}${index}`,
    ...proof.map(encodeBase64),
  ];
  return encodeUtf8(`${lines.join('\n')}\n\n${note}`);
}

function malformed(what: string): TallyError {
  return new TallyError('PROOF_INVALID', `this proof file does not parse: ${what}`, {
    hint: 'get the file again as it was written: no program may change its lines or their ends',
  });
}

/** Whether `bytes` say that they are a proof file. */
export function isProofFile(bytes: Uint8Array): boolean {
  return decodeUtf8(bytes.subarray(0, PROOF_FILE_HEADER.length + 1)) === `${PROOF_FILE_HEADER}\n`;
}

/** Accepts exactly what `encodeProofFile` writes, in linear time. Throws `PROOF_INVALID`. */
export function parseProofFile(bytes: Uint8Array): ProofFile {
  if (bytes.length > LIMITS.proofFileBytes)
    throw malformed(`it has more than ${LIMITS.proofFileBytes} bytes`);
  if (!isProofFile(bytes)) throw malformed(`its first line is not ${PROOF_FILE_HEADER}`);
  const text = decodeUtf8(bytes);
  if (text === undefined) throw malformed('it is not UTF-8');
  const blank = text.indexOf('\n\n');
  if (blank < 0) throw malformed('no blank line separates the proof from the checkpoint');
  const note = text.slice(blank + 2);
  if (note === '') throw malformed('there is no checkpoint after the blank line');
  // The header, an extra line, the index and all hashes: whatever comes beyond them is one too many.
  const [, ...lines] = text.slice(0, blank).split('\n', LIMITS.proofHashes + 4);
  const extra = lines[0]?.startsWith(EXTRA) ? parseExtra(lines.shift() ?? '') : undefined;
  const index = parseIndex(lines.shift());
  if (lines.length > LIMITS.proofHashes) throw malformed(`it has more than ${LIMITS.proofHashes} hashes`);
  return {
    index,
    proof: lines.map(parseHash),
    checkpoint: encodeUtf8(note),
    ...(extra === undefined ? {} : { extra }),
  };
}

function parseExtra(line: string): Uint8Array {
  const extra = decodeBase64(line.slice(EXTRA.length));
  if (extra === undefined || extra.length === 0)
    throw malformed('the extra line is not canonical base64 of something');
  return extra;
}

function parseIndex(line: string | undefined): number {
  const digits = /^index (0|[1-9]\d{0,15})$/.exec(line ?? '')?.[1];
  if (digits === undefined || !Number.isSafeInteger(Number(digits)))
    throw malformed('there is no line "index" with a decimal number below 2^53 without leading zeros');
  return Number(digits);
}

function parseHash(line: string): Uint8Array {
  const hash = decodeBase64(line);
  if (hash?.length !== HASH_BYTES) throw malformed('a hash is not the canonical base64 of 32 bytes');
  return hash;
}
