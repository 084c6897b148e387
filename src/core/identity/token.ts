/**
 * The text of a token: "agt_" or "run_", a ULID, ".", and 256 bits in base64url. The part before the point is the id,
 * which is no secret and may be logged; the rest is the secret, of which only a SHA-256 is ever stored (it has full
 * entropy, so a slow hash would add nothing).
 */
import { encodeBase64 } from '../bytes.ts';
import { sha256Hex } from '../hash.ts';
import { ulidSource } from '../ulid.ts';

export type TokenKind = 'agent' | 'run';

const PREFIX = { agent: 'agt_', run: 'run_' } as const;
const ID_BYTES = 10;
const SECRET_BYTES = 32;

/** Random bytes that `mintToken` takes. */
export const TOKEN_RANDOM_BYTES = ID_BYTES + SECRET_BYTES;

const TOKEN = /^((agt|run)_[0-9A-HJKMNP-TV-Z]{26})\.([A-Za-z0-9_-]{43})$/;

export interface MintedToken {
  /** May be shown, logged and stored. */
  readonly id: string;
  /** Shown once, stored nowhere. */
  readonly token: string;
  /** What is stored: lower-case hex of SHA-256 over the secret's text. */
  readonly hash: string;
}

export function mintToken(kind: TokenKind, randomBytes: Uint8Array, nowMs: number): MintedToken {
  if (randomBytes.length !== TOKEN_RANDOM_BYTES)
    throw new RangeError(`a token takes ${TOKEN_RANDOM_BYTES} random bytes, not ${randomBytes.length}`);
  const ulid = ulidSource(() => randomBytes.subarray(0, ID_BYTES))(nowMs);
  const secret = encodeBase64(randomBytes.subarray(ID_BYTES))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
  const id = PREFIX[kind] + ulid;
  return { id, token: `${id}.${secret}`, hash: sha256Hex(secret) };
}

export interface ParsedToken {
  readonly kind: TokenKind;
  readonly id: string;
  readonly secret: string;
}

/** Undefined when the text is no token. The secret is its exact text: two texts never stand for one token. */
export function parseToken(text: string): ParsedToken | undefined {
  const match = TOKEN.exec(text);
  const [, id, prefix, secret] = match ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return { kind: prefix === 'agt' ? 'agent' : 'run', id, secret };
}
