/** Reading fields of entries whose shape nobody promises: from newer versions, from other writers, tampered with. */
import { decodeUtf8 } from '../bytes.ts';
import type { Json, JsonObject } from '../json.ts';

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined for bytes that are no object in JSON. */
export function objectIn(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(decodeUtf8(bytes) ?? '');
    return isObject(value) ? value : undefined;
  } catch {
    // Whoever asks says that it cannot be read.
    return undefined;
  }
}

/** Own members only: `__proto__` and `constructor` are names like any other. */
export function field(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  return fieldIn(value, path);
}

/** The same without another copy of the path: entries are looked at by the million. */
function fieldIn(value: Json | undefined, path: readonly string[]): Json | undefined {
  let at = value;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

export function textAt(value: Json | undefined, ...path: readonly string[]): string | undefined {
  const found = fieldIn(value, path);
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: Json | undefined, ...path: readonly string[]): number | undefined {
  const found = fieldIn(value, path);
  return typeof found === 'number' ? found : undefined;
}

export function booleanAt(value: Json | undefined, ...path: readonly string[]): boolean | undefined {
  const found = fieldIn(value, path);
  return typeof found === 'boolean' ? found : undefined;
}

export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = fieldIn(value, path);
  return Array.isArray(found) ? found : [];
}
