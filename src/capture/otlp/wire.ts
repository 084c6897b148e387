/**
 * Messages of the protobuf wire format, field by field. Every message is read from its own bytes, so that no length
 * reaches beyond it; unknown fields are skipped; what does not decode throws.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { decodeUtf8 } from '../../core/bytes.ts';
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { undecodable } from './budget.ts';

export interface Field {
  readonly number: number;
  /** Bytes of a nested message. */
  message(): Uint8Array;
  bytes(): Uint8Array;
  /** Well-formed UTF-8, or it throws. */
  text(): string;
  /** A varint of up to 64 bits, without a sign. */
  varint(): bigint;
  /** A varint that is signed (two's complement of 64 bits). */
  int64(): bigint;
  fixed64(): bigint;
  fixed32(): number;
  double(): number;
}

/** `see` reads a field, or returns without reading: then it is skipped. Throws BAD_EVENT. */
export function eachField(bytes: Uint8Array, see: (field: Field) => void): void {
  const reader = new BinaryReader(bytes);
  let number = 0;
  let type: WireType = WireType.Varint;
  let isRead = false;

  function expect(wanted: WireType): void {
    if (type !== wanted) throw undecodable(`field ${number} has wire type ${type} where ${wanted} belongs`);
    isRead = true;
  }

  const field: Field = {
    get number() {
      return number;
    },
    message() {
      expect(WireType.LengthDelimited);
      return reader.bytes();
    },
    bytes() {
      expect(WireType.LengthDelimited);
      return reader.bytes();
    },
    text() {
      expect(WireType.LengthDelimited);
      const text = decodeUtf8(reader.bytes());
      if (text === undefined) throw undecodable(`field ${number} is no UTF-8`);
      return text;
    },
    varint() {
      expect(WireType.Varint);
      return BigInt(reader.uint64());
    },
    int64() {
      expect(WireType.Varint);
      return BigInt(reader.int64());
    },
    fixed64() {
      expect(WireType.Bit64);
      return BigInt(reader.fixed64());
    },
    fixed32() {
      expect(WireType.Bit32);
      return reader.fixed32();
    },
    double() {
      expect(WireType.Bit64);
      return reader.double();
    },
  };

  try {
    while (reader.pos < reader.len) {
      [number, type] = reader.tag();
      isRead = false;
      see(field);
      if (!isRead) reader.skip(type, number, LIMITS.otlpGroups);
    }
    // Some reads of the last field go past its end before they look.
    if (reader.pos > reader.len) throw undecodable('it ends early');
  } catch (error) {
    if (isTallyError(error)) throw error;
    throw undecodable(error instanceof Error ? error.message : 'it does not decode');
  }
}

/** The number of an enum or a counter; what is too large for one is no number that anybody meant. */
export function small(value: bigint): number {
  return value >= 0n && value <= 0xff_ff_ff_ffn ? Number(value) : 0;
}
