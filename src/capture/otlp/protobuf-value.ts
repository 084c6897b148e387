/** `AnyValue` and lists of `KeyValue` of OTLP in protobuf, as JSON. */
import type { Json } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { bytesValue, doubleValue, intValue, setMember, tooDeep } from './value.ts';
import { eachField, type Field } from './wire.ts';

/** Called for each value; throws when there are too many. */
export type Take = () => void;

/** The attributes of a message that has them in field `of`. */
export function attributesIn(bytes: Uint8Array, of: number, take: Take): Readonly<Record<string, Json>> {
  const members: Record<string, Json> = {};
  eachField(bytes, (field) => {
    if (field.number === of) addAttribute(members, field, take);
  });
  return members;
}

export function addAttribute(members: Record<string, Json>, field: Field, take: Take, depth = 0): void {
  let key = '';
  let value: Json = null;
  eachField(field.message(), (part) => {
    if (part.number === 1) key = part.text();
    else if (part.number === 2) value = anyValue(part.message(), take, depth);
  });
  take();
  setMember(members, key, value);
}

/** `AnyValue`. Recursion ends at LIMITS.otlpDepth. */
export function anyValue(bytes: Uint8Array, take: Take, depth: number): Json {
  take();
  let value: Json = null;
  eachField(bytes, (field) => {
    switch (field.number) {
      case 1:
        value = field.text();
        break;
      case 2:
        value = field.varint() !== 0n;
        break;
      case 3:
        value = intValue(field.int64());
        break;
      case 4:
        value = doubleValue(field.double());
        break;
      case 5:
        value = depth >= LIMITS.otlpDepth ? skipped(field) : listOf(field.message(), take, depth + 1);
        break;
      case 6:
        value = depth >= LIMITS.otlpDepth ? skipped(field) : membersOf(field.message(), take, depth + 1);
        break;
      case 7:
        value = bytesValue(field.bytes().length);
        break;
      default:
    }
  });
  return value;
}

function skipped(field: Field): Json {
  field.message();
  return tooDeep();
}

function listOf(bytes: Uint8Array, take: Take, depth: number): Json {
  const items: Json[] = [];
  eachField(bytes, (field) => {
    if (field.number === 1) items.push(anyValue(field.message(), take, depth));
  });
  return items;
}

function membersOf(bytes: Uint8Array, take: Take, depth: number): Json {
  const members: Record<string, Json> = {};
  eachField(bytes, (field) => {
    if (field.number === 1) addAttribute(members, field, take, depth);
  });
  return members;
}
