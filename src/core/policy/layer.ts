/** What a layer is. Each is a file of its own under layers/ and a line in engines.ts. */
import type { Decision, Target } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import type { CompiledPolicy, PolicyInForce, UserRule } from './compiled.ts';
import type { PolicyIndex } from './index-of.ts';
import type { LayerName, ReasonCode } from './reasons.ts';
import type { Effective } from './scopes.ts';
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

/** Somebody has to approve the call: a layer says so and passes, and the last layer asks for it. */
export interface Want {
  /** One of REASONS, or the code of a rule's author. */
  readonly reason: string;
  /** For a person: what wants it. */
  readonly message: string;
  readonly rule?: string;
  /** Absent: those of the policy. */
  readonly approvers?: readonly string[];
  readonly ttl_ms?: number;
}

export interface LayerContext {
  readonly request: DecisionRequest;
  readonly inputs: DecisionInputs;
  readonly policy: CompiledPolicy;
  readonly inForce: PolicyInForce;
  readonly index: PolicyIndex;
  /** Absent: the action goes to no host. */
  readonly to: KnownTarget | undefined;
  /** What the policy says of the user behind the call. */
  readonly user: UserRule | undefined;
  /** What the user holds and the hands that passed the task on left of it. */
  readonly scopes: Effective;
  /** Of the layers before: the one that is asked for. A rule's stands before a tool's, that before a credential's. */
  readonly want: Want | undefined;
}

export type LayerAnswer =
  | {
      readonly result: 'pass';
      readonly read?: JsonObject;
      readonly want?: Want;
      /** The rule that said so. */
      readonly rule?: string;
      /** The approval that the call uses. */
      readonly approval?: NonNullable<Decision['approval']>;
    }
  | { readonly result: 'skip' }
  | {
      readonly result: 'fail';
      /** A rule may give a code of its author's own. */
      readonly reason: string;
      /** For a person: names what was stopped and, where there is one, the command that mends it. */
      readonly message: string;
      /** Absent: stop. */
      readonly outcome?: 'approval_required';
      readonly wanted?: NonNullable<Decision['wanted']>;
      readonly rule?: string;
      readonly retry_after_ms?: number;
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
