/** `AnyValue` and lists of `KeyValue` of OTLP in JSON, as plain JSON. */
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { isObject } from '../../core/query/fields.ts';
import { undecodable } from './budget.ts';
import { member, messagesAt } from './json.ts';
import { bytesValue, doubleValue, intValue, setMember, textValue, tooDeep } from './value.ts';

/** Called for each value; throws when there are too many. */
type Take = () => void;

export function attributesAt(
  object: JsonObject,
  name: string,
  take: Take,
  depth = 0,
): Readonly<Record<string, Json>> {
  const members: Record<string, Json> = {};
  for (const pair of messagesAt(object, name)) {
    const key = member(pair, 'key') ?? '';
    if (typeof key !== 'string') throw undecodable('the key of an attribute is no text');
    take();
    setMember(members, key, anyValue(member(pair, 'value'), take, depth));
  }
  return members;
}

/** Recursion ends at LIMITS.otlpDepth. */
export function anyValue(given: Json | undefined, take: Take, depth = 0): Json {
  take();
  if (given === undefined) return null;
  if (!isObject(given)) throw undecodable('a value is no object such as {"stringValue": "…"}');
  const text = member(given, 'stringValue');
  if (text !== undefined) {
    if (typeof text !== 'string') throw undecodable('stringValue is no text');
    return textValue(text);
  }
  const truth = member(given, 'boolValue');
  if (truth !== undefined) {
    if (typeof truth !== 'boolean') throw undecodable('boolValue is neither true nor false');
    return truth;
  }
  const int = member(given, 'intValue');
  if (int !== undefined) return intOf(int);
  const double = member(given, 'doubleValue');
  if (double !== undefined) return doubleOf(double);
  const list = member(given, 'arrayValue');
  if (list !== undefined) return depth >= LIMITS.otlpDepth ? tooDeep() : listOf(list, take, depth + 1);
  const members = member(given, 'kvlistValue');
  if (members !== undefined) {
    if (!isObject(members)) throw undecodable('kvlistValue is no object');
    return depth >= LIMITS.otlpDepth ? tooDeep() : { ...attributesAt(members, 'values', take, depth + 1) };
  }
  const bytes = member(given, 'bytesValue');
  if (bytes === undefined) return null;
  if (typeof bytes !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(bytes))
    throw undecodable('bytesValue is no base64');
  return bytesValue(Math.floor((bytes.replace(/=+$/, '').length * 3) / 4));
}

/** Senders in JavaScript write every whole number here, also those that are too large for 64 bits. */
function intOf(value: Json): Json {
  if (typeof value === 'number') return doubleValue(value);
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value))
    return intValue(BigInt.asIntN(64, BigInt(value)));
  throw undecodable('intValue is no whole number');
}

function doubleOf(value: Json): Json {
  if (typeof value === 'number') return doubleValue(value);
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return value;
  const number =
    typeof value === 'string' && value.trim() !== '' && value.length < 64 ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw undecodable('doubleValue is no number');
  return doubleValue(number);
}

function listOf(value: Json, take: Take, depth: number): Json {
  if (!isObject(value)) throw undecodable('arrayValue is no object');
  const values = member(value, 'values') ?? [];
  if (!Array.isArray(values)) throw undecodable('the values of an arrayValue are no list');
  return values.map((item) => anyValue(item === null ? undefined : item, take, depth));
}
