/**
 * `keys/operator.json`: what tells the operator from an agent that runs under the same uid. The writer checks a
 * presented token against `token_hash`; the token itself lies beside it in clear (anyone who can read the file is the
 * operator) or sealed under a passphrase. With the same uid this is a tripwire, not a boundary.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { freshKdf, isBoundedKdf } from '../../capture/secrets/seal.ts';
import {
  createPrivate,
  makePrivateDirectory,
  readPrivate,
  replacePrivate,
  requirePrivateDirectory,
} from '../../capture/secrets/vault-files.ts';
import { TallyError } from '../../core/error.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import { sealToken } from './seal.ts';

export const OPERATOR_FORMAT = 'tallystick-operator/1';

const base64 = z.base64().max(1024);
const OperatorFileSchema = z.discriminatedUnion('protected', [
  z.strictObject({
    format: z.literal(OPERATOR_FORMAT),
    token_hash: z.string().regex(/^[0-9a-f]{64}$/),
    protected: z.literal(false),
    token: z.string().max(256),
  }),
  z.strictObject({
    format: z.literal(OPERATOR_FORMAT),
    token_hash: z.string().regex(/^[0-9a-f]{64}$/),
    protected: z.literal(true),
    kdf: z
      .strictObject({
        name: z.literal('scrypt'),
        n: z.int().positive(),
        r: z.int().positive().max(32),
        p: z.int().positive(),
        salt: base64,
      })
      .refine(isBoundedKdf, 'out of bounds'),
    sealed: z.strictObject({ nonce: base64, data: base64 }),
  }),
]);
export type OperatorFile = z.infer<typeof OperatorFileSchema>;
export type ProtectedFile = Extract<OperatorFile, { protected: true }>;

/** Bound into the sealed token. */
export function sealContext(tokenHash: string): string {
  return `${OPERATOR_FORMAT}\n${tokenHash}`;
}

/** undefined when there is none. A file that others could have touched, or that is not ours, is refused. */
export function readOperatorFile(path: string): OperatorFile | undefined {
  const bytes = readPrivate(path, LIMITS.operatorFileBytes);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw unreadable(path, 'not JSON');
  }
  const parsed = OperatorFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw unreadable(path, parsed.error.issues[0]?.path.join('.') ?? 'not an operator file');
}

function unreadable(path: string, why: string): TallyError {
  return new TallyError('BAD_CONFIG', `${path} cannot be used: ${why}`, {
    hint: 'restore it from a backup; without one, move it away and run `tally init` for a new operator secret',
  });
}

function freshToken(): string {
  return `opr_${randomBytes(32).toString('base64url')}`;
}

function encode(file: OperatorFile): Buffer {
  return Buffer.from(`${JSON.stringify(file, undefined, 2)}\n`);
}

function openFile(): OperatorFile {
  const token = freshToken();
  return { format: OPERATOR_FORMAT, token_hash: sha256Hex(token), protected: false, token };
}

/** Makes an unprotected secret unless there is one; a race between two starts ends with one file. */
export function ensureOperatorFile(path: string, directory: string): OperatorFile {
  makePrivateDirectory(directory);
  requirePrivateDirectory(directory);
  createIfMissing(path);
  const file = readOperatorFile(path);
  if (file === undefined) throw unreadable(path, 'it vanished');
  return file;
}

function createIfMissing(path: string): void {
  if (readOperatorFile(path) === undefined) createPrivate(path, encode(openFile()));
}

/**
 * Seals a NEW token: the old one may have been read while it lay in clear. Durable when it resolves; the writer sees it
 * with its next check.
 */
export async function protectOperatorFile(path: string, passphrase: string): Promise<void> {
  const token = freshToken();
  const tokenHash = sha256Hex(token);
  const kdf = freshKdf();
  const sealed = await sealToken(token, passphrase, kdf, sealContext(tokenHash));
  replacePrivate(
    path,
    encode({ format: OPERATOR_FORMAT, token_hash: tokenHash, protected: true, kdf, sealed }),
  );
}

/** Takes the passphrase off: a new token, in clear. */
export function unprotectOperatorFile(path: string): void {
  replacePrivate(path, encode(openFile()));
}
