/** ClientHellos (RFC 8446 section 4.1.2) that no library would send: names, lengths and records that lie. */

export const HELLOS = [
  'good',
  'other-name',
  'two-names',
  'empty-name',
  'nul-name',
  'long-name',
  'address-name',
  'name-of-another-type',
  'lying-lengths',
  'no-name',
  'old-version',
  'no-cipher',
  'garbage-record',
  'record-of-nothing',
  'endless-record',
  'many-records',
  'alert-first',
  'data-first',
  'ssl2',
] as const;
export type Hello = (typeof HELLOS)[number];

const RECORD = 0x16;
const u16 = (value: number): Buffer => Buffer.of((value >> 8) & 0xff, value & 0xff);
const sized = (bytes: Buffer): Buffer => Buffer.concat([u16(bytes.length), bytes]);
const extension = (type: number, bytes: Buffer): Buffer => Buffer.concat([u16(type), sized(bytes)]);
const record = (bytes: Buffer, type = RECORD, length = bytes.length): Buffer =>
  Buffer.concat([Buffer.of(type, 3, 1), u16(length), bytes]);

function names(kind: Hello): Buffer | undefined {
  const one = (name: string | Buffer, type = 0): Buffer =>
    Buffer.concat([Buffer.of(type), sized(Buffer.from(name))]);
  switch (kind) {
    case 'other-name':
      return sized(one('elsewhere.example'));
    case 'two-names':
      return sized(Buffer.concat([one('localhost'), one('elsewhere.example')]));
    case 'empty-name':
      return sized(one(''));
    case 'nul-name':
      return sized(one('localhost\0.elsewhere.example'));
    case 'long-name':
      return sized(one('a'.repeat(12_000)));
    case 'address-name':
      return sized(one('127.0.0.1'));
    case 'name-of-another-type':
      return sized(one('localhost', 7));
    case 'lying-lengths':
      return Buffer.concat([u16(0xffff), one('localhost')]);
    case 'no-name':
      return undefined;
    default:
      return sized(one('localhost'));
  }
}

function hello(kind: Hello): Buffer {
  const sni = names(kind);
  const extensions = Buffer.concat([
    ...(sni === undefined ? [] : [extension(0, sni)]),
    // Groups, signatures, ALPN, versions, a share.
    extension(10, sized(Buffer.of(0, 0x1d))),
    extension(13, sized(Buffer.of(4, 3, 8, 4))),
    extension(16, sized(Buffer.concat([Buffer.of(8), Buffer.from('http/1.1')]))),
    ...(kind === 'old-version' ? [] : [extension(43, Buffer.of(2, 3, 4))]),
    extension(51, sized(Buffer.concat([u16(0x1d), sized(Buffer.alloc(32, 9))]))),
  ]);
  const ciphers = kind === 'no-cipher' ? Buffer.of(0xfe, 0xff) : Buffer.of(0x13, 1, 0xc0, 0x2b);
  const body = Buffer.concat([
    kind === 'old-version' ? Buffer.of(3, 1) : Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    sized(ciphers),
    Buffer.of(1, 0),
    sized(extensions),
  ]);
  return Buffer.concat([
    Buffer.of(1, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff),
    body,
  ]);
}

/** What is sent in place of a TLS library's first bytes. */
export function helloBytes(kind: Hello): Buffer {
  const bytes = hello(kind);
  switch (kind) {
    case 'garbage-record':
      return record(Buffer.alloc(200, 0xa5));
    case 'record-of-nothing':
      return Buffer.concat([record(Buffer.alloc(0)), record(Buffer.alloc(0)), record(bytes)]);
    case 'endless-record':
      return record(bytes, RECORD, 0xffff);
    case 'many-records':
      return Buffer.concat([...bytes].map((byte) => record(Buffer.of(byte))));
    case 'alert-first':
      return Buffer.concat([record(Buffer.of(2, 40), 0x15), record(bytes)]);
    case 'data-first':
      return Buffer.concat([record(Buffer.from('GET / HTTP/1.1\r\n\r\n'), 0x17), record(bytes)]);
    case 'ssl2':
      return Buffer.concat([Buffer.of(0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10), Buffer.alloc(40, 1)]);
    default:
      return record(bytes);
  }
}
