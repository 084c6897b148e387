/**
 * A program's values as they can be recorded: plain, bounded, and read without running any code of the program. What is
 * left out stands there as `{"$left_out": …}` and is counted. Nothing here throws, and nothing of the given value is
 * changed: accessors are not called, traps of proxies are not reached, `toJSON` is not asked.
 *
 * `whole` says whether two different values always look different afterwards. Long texts and bytes stand there by their
 * length and SHA-256, so they do; a getter, a function or what lies beyond the bounds does not.
 */
import { createHash } from 'node:crypto';
import { types } from 'node:util';
import { LIMITS } from '../core/limits.ts';

export interface Captured {
  /** Plain JSON. */
  readonly value: unknown;
  readonly whole: boolean;
  /** Where something was left out, and what; not all of many. */
  readonly leftOut: readonly string[];
  readonly leftOutCount: number;
}

const MARK = '$left_out';
/** Digits of a whole number that are written out. */
const MOST_DIGITS = 1_000;
const LARGEST = 10n ** BigInt(MOST_DIGITS);
/** Of names of members and classes. */
const MOST_NAME_CHARS = 1_024;

type Members = Record<string, unknown>;

/** Costs one pass over the value, up to `bytes` and `LIMITS.sdkValues`; long texts and bytes are hashed whole. */
export function capture(given: unknown, bytes: number): Captured {
  const leftOut: string[] = [];
  let leftOutCount = 0;
  let whole = true;
  let room = bytes;
  let values = 0;
  const above: object[] = [];
  const path: (string | number)[] = [];

  function left(what: string, more: Members = {}, exact = false): Members {
    leftOutCount++;
    if (!exact) whole = false;
    if (leftOut.length < LIMITS.sdkLeftOutNamed)
      leftOut.push(`/${path.join('/').slice(0, MOST_NAME_CHARS)}: ${what}`);
    room -= 64;
    return { [MARK]: what, ...more };
  }

  function text(value: string): unknown {
    if (value.length > LIMITS.sdkTextChars || value.length > room) {
      return left('text', { chars: value.length, sha256: sha256(value) }, true);
    }
    room -= value.length + 2;
    if (value.isWellFormed()) return value;
    left('half of a character');
    return value.toWellFormed();
  }

  function one(value: unknown): unknown {
    if (++values > LIMITS.sdkValues || room <= 0) return left('the rest');
    room -= 4;
    switch (typeof value) {
      case 'string':
        return text(value);
      case 'number':
        return Number.isFinite(value) ? value : left('number', { is: String(value) }, true);
      case 'bigint':
        return value < LARGEST && value > -LARGEST ? text(String(value)) : left('a very large number');
      case 'boolean':
        return value;
      case 'undefined':
        return undefined;
      case 'function':
        return left('function');
      case 'symbol':
        return left('symbol');
      default:
        return value === null ? null : object(value as object);
    }
  }

  function object(value: object): unknown {
    if (types.isProxy(value)) return left('proxy');
    const at = above.indexOf(value);
    if (at !== -1) return left('cycle', { to: `/${path.slice(0, at).join('/')}` }, true);
    if (above.length >= LIMITS.sdkDepth) return left('deeper');
    above.push(value);
    try {
      const symbols = Object.getOwnPropertySymbols(value).length;
      if (symbols > 0) left(`${symbols} ${symbols === 1 ? 'member' : 'members'} under symbols`);
      return known(value) ?? members(value);
    } catch {
      // Whatever it is, it cannot be read: that is said in its place.
      return left('unreadable');
    } finally {
      above.pop();
    }
  }

  /** Built-in kinds, by what they are and not by what they say they are. */
  function known(value: object): unknown {
    if (Array.isArray(value)) return elements(value);
    if (types.isDate(value)) return dateText(value) ?? left('date', { is: 'invalid' }, true);
    if (ArrayBuffer.isView(value))
      return ofBytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (types.isAnyArrayBuffer(value)) return ofBytes(new Uint8Array(value));
    if (types.isMap(value)) {
      const entries = [...mapEntries(value, LIMITS.sdkValues)];
      return { $map: elements(entries) };
    }
    if (types.isSet(value)) return { $set: elements([...setValues(value, LIMITS.sdkValues)]) };
    if (types.isNativeError(value)) return { $error: failure(value) };
    if (types.isPromise(value)) return left('promise');
    return urlText(value);
  }

  function ofBytes(value: Uint8Array): unknown {
    return left(
      'bytes',
      { length: value.length, sha256: createHash('sha256').update(value).digest('hex') },
      true,
    );
  }

  function failure(value: Error): Members {
    const out: Members = {};
    for (const name of ['name', 'message', 'code']) {
      const found = dataMember(value, name);
      if (typeof found === 'string' || typeof found === 'number') out[name] = inside(name, found);
    }
    return out;
  }

  function elements(list: readonly unknown[]): unknown[] {
    const out: unknown[] = [];
    // Names stand after all indices. Longer lists are not taken whole anyway.
    const last = list.length > LIMITS.sdkValues ? undefined : Object.keys(list).at(-1);
    if (last !== undefined && !(Number(last) < list.length)) left('members of a list with names');
    for (let i = 0; i < list.length; i++) {
      if (values >= LIMITS.sdkValues || room <= 0) {
        out.push(left('the rest', { items: list.length - i }));
        break;
      }
      const member = Object.getOwnPropertyDescriptor(list, i);
      if (member !== undefined && !('value' in member)) {
        path.push(i);
        out.push(left('getter'));
        path.pop();
      } else out.push(inside(i, member?.value) ?? null);
    }
    return out;
  }

  function members(value: object): Members {
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype !== null && prototype !== Object.prototype) {
      // A class may keep more in private than it shows, so what it shows is not all of it.
      left(`class ${className(prototype)}`);
    }
    const out: Members = {};
    const names = Object.keys(value);
    const hidden = Object.getOwnPropertyNames(value).length - names.length;
    if (hidden > 0) left(`${hidden} ${hidden === 1 ? 'member that is' : 'members that are'} not enumerable`);
    for (const [i, name] of names.entries()) {
      if (values >= LIMITS.sdkValues || room <= 0) {
        put(out, MARK, left('the rest', { members: names.length - i })[MARK]);
        break;
      }
      room -= name.length + 4;
      const member = Object.getOwnPropertyDescriptor(value, name);
      if (member === undefined) continue;
      path.push(name);
      const taken = 'value' in member ? one(member.value) : left('getter');
      path.pop();
      if (taken !== undefined) put(out, nameOf(name), taken);
    }
    return out;
  }

  function nameOf(name: string): string {
    const plain = name.length > MOST_NAME_CHARS ? `${name.slice(0, MOST_NAME_CHARS)}…${sha256(name)}` : name;
    // A program's own member of that name must not pass for a mark.
    return (plain.startsWith(MARK) ? `$${plain}` : plain).toWellFormed();
  }

  function inside(step: string | number, value: unknown): unknown {
    path.push(step);
    try {
      return one(value);
    } finally {
      path.pop();
    }
  }

  let value: unknown;
  try {
    value = one(given) ?? null;
  } catch {
    // A value that breaks even this leaves its mark in place of itself.
    value = left('unreadable');
  }
  return { value, whole, leftOut, leftOutCount };
}

/** Not by assignment: a member called __proto__ is a member. */
function put(out: Members, name: string, value: unknown): void {
  Object.defineProperty(out, name, { value, configurable: true, enumerable: true, writable: true });
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

function dateText(value: Date): string | undefined {
  const ms = Date.prototype.getTime.call(value);
  return Number.isNaN(ms) ? undefined : Date.prototype.toISOString.call(value);
}

function* mapEntries(value: Map<unknown, unknown>, most: number): Generator<[unknown, unknown]> {
  const iterator = Map.prototype.entries.call(value);
  for (let i = 0; i <= most; i++) {
    const next = iterator.next();
    if (next.done === true) return;
    yield next.value as [unknown, unknown];
  }
}

function* setValues(value: Set<unknown>, most: number): Generator<unknown> {
  const iterator = Set.prototype.values.call(value);
  for (let i = 0; i <= most; i++) {
    const next = iterator.next();
    if (next.done === true) return;
    yield next.value;
  }
}

const hrefOf = Object.getOwnPropertyDescriptor(URL.prototype, 'href')?.get;

function urlText(value: object): string | undefined {
  if (!(Symbol.toStringTag in URL.prototype) || Object.getPrototypeOf(value) !== URL.prototype)
    return undefined;
  try {
    return String(hrefOf?.call(value));
  } catch {
    // It has the prototype of a URL and is none.
    return undefined;
  }
}

/** A member that is a plain value, its own or inherited; accessors are passed over. */
export function dataMember(value: object, name: string): unknown {
  let at: object | null = value;
  for (let i = 0; at !== null && i < LIMITS.sdkDepth; i++) {
    if (types.isProxy(at)) return undefined;
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found !== undefined) return 'value' in found ? found.value : undefined;
    at = Object.getPrototypeOf(at) as object | null;
  }
  return undefined;
}

function className(prototype: object): string {
  const made = dataMember(prototype, 'constructor');
  const name = typeof made === 'function' && !types.isProxy(made) ? dataMember(made, 'name') : undefined;
  return typeof name === 'string' && name !== '' ? name.slice(0, 64).toWellFormed() : 'without a name';
}
