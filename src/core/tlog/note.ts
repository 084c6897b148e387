/**
 * Signed notes (C2SP signed-note v1.0.0; golang.org/x/mod/sumdb/note).
 *
 *     note = text (ends "\n") || "\n" || signature lines      line = "— " name " " b64(keyid4 || signature) "\n"
 */
import {
  concatBytes,
  decodeBase64,
  decodeHex,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUtf8,
} from '../bytes.ts';
import { invariant, TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { isKeyName, type Signer, type Verifier } from './key.ts';

export interface NoteSignature {
  readonly name: string;
  /** 8 lower-case hex digits. */
  readonly keyId: string;
  /** Without the key id. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** With its final newline. */
  readonly text: string;
  /** In the order of the lines. */
  readonly signatures: readonly NoteSignature[];
}

export interface OpenedNote extends Note {
  /** The signatures that a known verifier confirmed; at least one. */
  readonly verified: readonly NoteSignature[];
}

const LINE_START = '— ';
const KEY_ID_BYTES = 4;

function malformed(what: string): TallyError {
  return new TallyError('NOTE_MALFORMED', `this signed note does not parse: ${what}`);
}

/** C0 controls other than newline would let a terminal show something else than what was signed. */
function hasControls(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return /[\u0000-\u0009\u000b-\u001f]/.test(text);
}

/** One line without its newline. Throws `NOTE_MALFORMED`. */
export function parseSignatureLine(line: string): NoteSignature {
  const [name, base64, ...more] = line.startsWith(LINE_START) ? line.slice(LINE_START.length).split(' ') : [];
  const blob = base64 === undefined ? undefined : decodeBase64(base64);
  if (name === undefined || blob === undefined || more.length > 0 || !isKeyName(name))
    throw malformed('a signature line is not "— name base64"');
  if (blob.length <= KEY_ID_BYTES) throw malformed('a signature is too short');
  return { name, keyId: encodeHex(blob.subarray(0, KEY_ID_BYTES)), signature: blob.slice(KEY_ID_BYTES) };
}

/** Parses without checking any signature. Linear time; bounded by `LIMITS`. Throws `NOTE_MALFORMED`. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > LIMITS.noteBytes) throw malformed(`it has more than ${LIMITS.noteBytes} bytes`);
  const all = decodeUtf8(bytes);
  if (all === undefined) throw malformed('it is not UTF-8');
  if (hasControls(all)) throw malformed('it contains control characters');
  // The text may contain blank lines itself: the signatures start after the last one.
  const blank = all.lastIndexOf('\n\n');
  if (blank < 0) throw malformed('no blank line separates the text from its signatures');
  const text = all.slice(0, blank + 1);
  const block = all.slice(blank + 2);
  if (!block.endsWith('\n')) throw malformed('the last signature line has no newline, or there is none');
  const lines = block.slice(0, -1).split('\n', LIMITS.noteSignatures + 1);
  if (lines.length > LIMITS.noteSignatures)
    throw malformed(`it has more than ${LIMITS.noteSignatures} signatures`);
  return { text, signatures: lines.map(parseSignatureLine) };
}

/**
 * Parses and verifies. Signatures of unknown (name, key id) pairs are ignored; a known pair whose signature fails
 * rejects the note, and so does the absence of any known one.
 *
 * Errors: `NOTE_MALFORMED`, `NOTE_UNVERIFIED`.
 */
export function openNote(bytes: Uint8Array, verifiers: readonly Verifier[]): OpenedNote {
  const note = parseNote(bytes);
  const text = encodeUtf8(note.text);
  const verified: NoteSignature[] = [];
  for (const signature of note.signatures) {
    const known = verifiers.filter(({ name, keyId }) => name === signature.name && keyId === signature.keyId);
    if (known.length === 0) continue;
    // 32-bit ids can collide: two keys may share a pair, and then either may have signed.
    if (!known.some((verifier) => verifier.verify(text, signature.signature)))
      throw new TallyError(
        'NOTE_UNVERIFIED',
        `the signature of ${signature.name}+${signature.keyId} does not fit the text`,
      );
    verified.push(signature);
  }
  if (verified.length === 0)
    throw new TallyError('NOTE_UNVERIFIED', 'no signature on this note is by a key that was given');
  return { ...note, verified };
}

/** With its newline. */
export function encodeSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = decodeHex(keyId);
  invariant(id?.length === KEY_ID_BYTES && isKeyName(name), 'a signature has a key name and a key id');
  return `${LINE_START}${name} ${encodeBase64(concatBytes(id, signature))}\n`;
}

/**
 * `text` (ending in a newline) with one line a signer, after the lines of `existing`. A signer that already has a line
 * there replaces it.
 */
export function signNote(
  text: string,
  signers: readonly Signer[],
  existing: readonly NoteSignature[] = [],
): Uint8Array {
  invariant(
    text.endsWith('\n') && text.isWellFormed() && !hasControls(text),
    'a note is lines of plain text',
  );
  const message = encodeUtf8(text);
  const kept = existing.filter(
    (line) => !signers.some(({ name, keyId }) => name === line.name && keyId === line.keyId),
  );
  const made = signers.map(({ name, keyId, sign }) => ({ name, keyId, signature: sign(message) }));
  return encodeUtf8(`${text}\n${[...kept, ...made].map(encodeSignatureLine).join('')}`);
}
