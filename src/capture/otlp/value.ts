/** Values of attributes and bodies as JSON: what JSON has no form for is written as a text, or left out and said. */
import { encodeHex } from '../../core/bytes.ts';
import type { Json } from '../../core/json.ts';
import { LEFT_OUT } from './model.ts';

/** Half characters would have no UTF-8. */
export function textValue(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

export function doubleValue(value: number): Json {
  return Number.isFinite(value) ? value : String(value);
}

/** A double cannot hold every whole number of 64 bits: those that it cannot are texts. */
export function intValue(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** Bytes are no text in which anything could be recognised, so none of them is kept. */
export function bytesValue(length: number): Json {
  return { [LEFT_OUT]: 'bytes', bytes: length };
}

export function tooDeep(): Json {
  return { [LEFT_OUT]: 'deeper' };
}

/** Not by assignment: an attribute called __proto__ is an attribute. Of two with one name the later stands. */
export function setMember(members: Record<string, Json>, name: string, value: Json): void {
  Object.defineProperty(members, textValue(name), {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

/** '' for ids that are absent or all zero, which the protocol takes for absent; undefined for what is none. */
export function idOf(bytes: Uint8Array, length: 8 | 16): string | undefined {
  if (bytes.length === 0) return '';
  if (bytes.length !== length) return undefined;
  return bytes.some((byte) => byte !== 0) ? encodeHex(bytes) : '';
}
