/** Between what a store holds and what a program gets: encodings, and one value out of a document of many. */

import { extractIni, extractJson } from './extract.ts';
import type { SecretDeclaration } from './manifest/types.ts';
import { providerError } from './provider.ts';

type Shape = Pick<SecretDeclaration, 'name' | 'encoding' | 'extract'>;

function undecodable(name: string, what: string, hint: string): Error {
  return providerError('value_invalid', `what is stored for ${name} ${what}`, hint);
}

/** The program’s value; wipes `stored` when that is another one. Throws `value_invalid`, which never quotes it. */
export function fromStored(secret: Shape, stored: Buffer): Buffer {
  const { name, encoding, extract } = secret;
  let value = stored;
  if (encoding !== undefined) {
    value = decode(name, encoding, stored);
    stored.fill(0);
  }
  if (extract === undefined) return value;
  try {
    const found =
      extract.format === 'json' ? extractJson(value, extract.pointer) : extractIni(value, extract.pointer);
    if (found === undefined)
      throw undecodable(
        name,
        `has nothing at ${extract.pointer}, or is no ${extract.format}`,
        'correct the pointer, or the document in its store',
      );
    return found;
  } finally {
    value.fill(0);
  }
}

/** What the store is given. A new buffer unless there is nothing to do. */
export function toStored({ encoding }: Pick<Shape, 'encoding'>, value: Buffer): Buffer {
  if (encoding === undefined) return value;
  return Buffer.from(value.toString(encoding), 'ascii');
}

const ALPHABETS = {
  base64: /^[A-Za-z0-9+/]*={0,2}$/,
  base64url: /^[A-Za-z0-9_-]*={0,2}$/,
  hex: /^(?:[0-9A-Fa-f]{2})*$/,
} as const;

function decode(name: string, encoding: keyof typeof ALPHABETS, stored: Buffer): Buffer {
  const text = stored.toString('latin1').replace(/\r?\n$/, '');
  const digits = text.replace(/=+$/, '');
  const whole = encoding === 'hex' || digits.length % 4 !== 1;
  const padded = encoding === 'hex' || text === digits || text.length % 4 === 0;
  if (!ALPHABETS[encoding].test(text) || !whole || !padded)
    throw undecodable(name, `is no ${encoding}`, 'set it again, or take `encoding` out of the manifest');
  return Buffer.from(digits, encoding);
}
