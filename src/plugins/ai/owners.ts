/**
 * Which integration records which call of the AI SDK: one of them, however many are registered, and whichever copies of
 * this package they come from. What one of them records, the listener on the channel leaves alone.
 */
// This table alone: tallystick/auto loads it into programs that may never use the AI SDK.
import { PLUGIN_LIMITS } from '../../core/limits/plugins.ts';

const KEY = Symbol.for('tallystick.ai-sdk.v1');
/** On our integrations, which kind it is. */
export const MARK = Symbol.for('tallystick.ai-sdk.integration');
/** Registered by the program; by tallystick/auto; or not at all, but told of by the channel. */
export type Kind = 'own' | 'auto' | 'heard';

export interface Owner {
  readonly kind: Kind;
}

interface Registry {
  readonly owners: Map<string, Owner>;
  /** Of calls that ended, the first one first. */
  readonly ended: string[];
  /** Messages of a call, by which it is found where nothing else says whose they are. */
  readonly messages: WeakMap<object, unknown>;
}

interface Globals {
  [KEY]?: Registry;
  /** The AI SDK's own list, which its copies share. */
  AI_SDK_TELEMETRY_INTEGRATIONS?: unknown[];
}

const globals = globalThis as Globals;

export function registry(): Registry {
  globals[KEY] ??= { owners: new Map(), ended: [], messages: new WeakMap() };
  return globals[KEY];
}

/** True for the one that asks first. What the program itself registered, with its own options, comes before `auto`. */
export function claim(callId: string, by: Owner): boolean {
  const { owners } = registry();
  const owner = owners.get(callId);
  if (owner !== undefined) return owner === by;
  if (by.kind === 'auto' && hasOwn()) return false;
  owners.set(callId, by);
  return true;
}

/** Undefined: nobody's, so far. */
export const kindOf = (callId: string): Kind | undefined => registry().owners.get(callId)?.kind;

/** It is remembered for a while: what is told late of it is not a new one. */
export function release(callId: string): void {
  const { owners, ended } = registry();
  ended.push(callId);
  if (ended.length > PLUGIN_LIMITS.pluginEndedCalls) owners.delete(ended.shift() ?? '');
}

function hasOwn(): boolean {
  const list = globals.AI_SDK_TELEMETRY_INTEGRATIONS;
  return (
    Array.isArray(list) &&
    list.some(
      (one: unknown) =>
        typeof one === 'object' && one !== null && (one as { [MARK]?: unknown })[MARK] === 'own',
    )
  );
}
