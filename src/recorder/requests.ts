/** From a request to what carries it out: its shape is checked, and whether this client may ask for it. */
import { invariant, TallyError } from '../core/error.ts';
import { asking } from './asking.ts';
import type { Guard } from './guard.ts';
import {
  type Client,
  type Handlers,
  OPERATOR_OPS,
  OPS,
  type Op,
  type OpParams,
  type OpResults,
} from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export type Handle = <O extends Op>(op: O, params: unknown, client: Client) => Promise<OpResults[O]>;

/** Throws USAGE for another shape; see `Guard` for who may not ask. */
export function createRequests(recorder: LocalRecorder, guard: Guard, handlers: Handlers): Handle {
  return async <O extends Op>(op: O, params: unknown, client: Client): Promise<OpResults[O]> =>
    carryOut(recorder, guard, { op, params: checked(op, params), client }, handlers[op]);
}

/** The same for a writer that takes a few requests in all. What makes the check of many fast would take longer than it. */
export function createFewRequests<O extends Op>(
  recorder: LocalRecorder,
  guard: Guard,
  handlers: Pick<Handlers, O>,
): <P extends O>(op: P, params: unknown, client: Client) => Promise<OpResults[P]> {
  return async (op, params, client) =>
    carryOut(recorder, guard, { op, params: checked(op, params, { jitless: true }), client }, handlers[op]);
}

function checked<O extends Op>(op: O, params: unknown, how?: { readonly jitless: true }): OpParams<O> {
  const parsed = OPS[op].safeParse(params, how);
  if (parsed.success) return parsed.data as OpParams<O>;
  const issue = parsed.error.issues[0];
  invariant(issue !== undefined, 'zod reports at least one issue');
  throw new TallyError('USAGE', `${op}: ${issue.path.join('.') || 'request'}: ${issue.message}`, {
    hint: `tally help`,
  });
}

async function carryOut<O extends Op>(
  recorder: LocalRecorder,
  guard: Guard,
  { op, params, client }: { readonly op: O; readonly params: OpParams<O>; readonly client: Client },
  handler: Handlers[O],
): Promise<OpResults[O]> {
  const known = asking(recorder, client);
  if (OPERATOR_OPS.has(op)) await guard.require(op, params, known);
  else await guard.requireRole(op, known);
  return handler(params, known);
}
