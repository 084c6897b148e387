/** Puts a compiled rule to a call. Pure, total, bounded, without a clock. */
import type { CelBindings } from './bindings.ts';
import type { CelProgram } from './compile.ts';
import { isFailure, kindOf } from './part.ts';

export type CelResult =
  | { readonly value: boolean }
  | {
      readonly error: string;
      /** The fact that the call does not have, when that is what failed. */
      readonly missing?: string;
      /** Set when it failed because the arguments could not be read (`bindings.facts` is undefined). */
      readonly unread?: true;
    };

const YES: CelResult = { value: true };
const NO: CelResult = { value: false };

export function evaluateCel(program: CelProgram, bindings: CelBindings): CelResult {
  const value = program.part.run({ bindings, item: false, work: 0 });
  if (value === true) return YES;
  if (value === false) return NO;
  if (!isFailure(value)) return { error: `the rule gave ${kindOf(value)} in place of true or false` };
  const { failure, missing, unread } = value;
  return {
    error: failure,
    ...(missing === undefined ? {} : { missing }),
    ...(unread === undefined ? {} : { unread }),
  };
}
