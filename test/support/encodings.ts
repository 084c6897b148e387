/** Ways in which a secret shows up in other text. Written for the tests alone: nothing of the product is used here. */

export interface Form {
  readonly name: string;
  /** The value as somebody would send it. */
  readonly text: string;
  /** What proves, in a heap of bytes, that the value is there. */
  readonly needle: string;
}

function percent(bytes: Buffer, upper: boolean): string {
  return [...bytes]
    .map((byte) => `%${byte.toString(16).padStart(2, '0')[upper ? 'toUpperCase' : 'toLowerCase']()}`)
    .join('');
}

/** base64 of something that contains the value from byte `before` on: the characters that only the value decides. */
function within(value: Buffer, before: number, kind: 'base64' | 'base64url'): Form {
  const text = Buffer.concat([Buffer.alloc(before, 'u'), value, Buffer.from(':tail')]).toString(kind);
  const from = Math.ceil((before * 8) / 6);
  const to = Math.floor(((before + value.length) * 8) / 6);
  return { name: `${kind} after ${before} bytes`, text, needle: text.slice(from, to) };
}

export function formsOf(secret: string): readonly Form[] {
  const value = Buffer.from(secret);
  const same = (name: string, text: string): Form => ({ name, text, needle: text });
  return [
    same('plain', secret),
    same('hex', value.toString('hex')),
    same('HEX', value.toString('hex').toUpperCase()),
    same('base64', value.toString('base64')),
    same('base64url', value.toString('base64url')),
    ...[0, 1, 2].map((before) => within(value, before, 'base64')),
    ...[0, 1, 2].map((before) => within(value, before, 'base64url')),
    same('URL-encoded', encodeURIComponent(secret)),
    same('every byte %XX', percent(value, true)),
    same('every byte %xx', percent(value, false)),
    same('JSON-escaped', JSON.stringify(secret).slice(1, -1)),
    same(
      'JSON, all escaped',
      [...secret].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
    ),
  ];
}

/** Text as it stands inside a JSON document may be escaped once more, and in base64 twice is out of reach. */
export function foundIn(haystack: string, { needle }: Form): boolean {
  return haystack.includes(needle) || haystack.includes(JSON.stringify(needle).slice(1, -1));
}
