/** What a layer is. Later layers join by a file of their own and a line in decide.ts. */
import type { Target } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import type { CompiledPolicy } from './compiled.ts';
import type { PolicyIndex } from './index-of.ts';
import type { LayerName, ReasonCode } from './reasons.ts';
import type { DecisionInputs, DecisionRequest } from './types.ts';

/** The target with its host in one form (hosts.ts), worked out once for all layers. */
export interface KnownTarget {
  readonly target: Target;
  /** Undefined: no host was given, or it is none. */
  readonly host: string | undefined;
  readonly scheme: 'https' | 'http' | undefined;
  /** With the scheme's default filled in. */
  readonly port: number | undefined;
}

export interface LayerContext {
  readonly request: DecisionRequest;
  readonly inputs: DecisionInputs;
  readonly policy: CompiledPolicy;
  readonly index: PolicyIndex;
  /** Absent: the action goes to no host. */
  readonly to: KnownTarget | undefined;
}

export type LayerAnswer =
  | { readonly result: 'pass'; readonly read?: JsonObject }
  | { readonly result: 'skip' }
  | {
      readonly result: 'fail';
      readonly reason: ReasonCode;
      /** For a person: names what was stopped and, where there is one, the command that mends it. */
      readonly message: string;
      /** What the layer read for this call; joins `decision.inputs`. */
      readonly read?: JsonObject;
    };

export interface Layer {
  readonly name: LayerName;
  /** Pure and total over contexts that `decide` builds. */
  evaluate(context: LayerContext): LayerAnswer;
}

export const PASS: LayerAnswer = { result: 'pass' };
export const SKIP: LayerAnswer = { result: 'skip' };

export function fail(reason: ReasonCode, message: string, read?: JsonObject): LayerAnswer {
  return read === undefined ? { result: 'fail', reason, message } : { result: 'fail', reason, message, read };
}
