/** The body as far as it is read before the decision. */
import { type BodyRead, bodyKind, readBody } from './body.ts';
import type { ArgsBody, CallFacts } from './events.ts';
import { refused } from './events.ts';
import { ABORTED } from './failure.ts';
import { bodyRefusal, injectProblem, tooLarge, wantsBody } from './inject.ts';
import { type Journal, refuse, refuseBad } from './refuse.ts';
import { type Exchange, elapsed } from './reply.ts';

export interface BodyLimits {
  readonly parsedBodyBytes: number;
  readonly requestBodyIdleMs: number;
}

export interface BodyBefore {
  readonly args: ArgsBody;
  readonly whole: Buffer | undefined;
  /** Read already, of a body that turned out to be too long to wait for. */
  readonly first: readonly Buffer[];
}

const NOTHING = { whole: undefined, first: [] } as const;

/** Undefined: the call is over, recorded and answered. At once when there is nothing to wait for. */
export function readBefore(
  journal: Journal,
  exchange: Exchange,
  facts: CallFacts,
  limits: BodyLimits,
): BodyBefore | Promise<BodyBefore | undefined> {
  const { control } = facts;
  const limit = limits.parsedBodyBytes;
  const kind = bodyKind(control, limit);
  const refusal = bodyRefusal(control, kind, limit);
  if (refusal !== undefined)
    return refuseBad(journal, exchange, facts, refusal.problem, refusal.status).then(() => undefined);
  if (kind !== 'whole') return { args: { kind }, ...NOTHING };
  return readWhole(journal, exchange, facts, limits);
}

async function readWhole(
  journal: Journal,
  exchange: Exchange,
  facts: CallFacts,
  limits: BodyLimits,
): Promise<BodyBefore | undefined> {
  const limit = limits.parsedBodyBytes;
  exchange.takeBody();
  const read = await readBody(exchange.request, limit, limits.requestBodyIdleMs);
  const problem = problemWith(read, facts, limit);
  if (problem !== undefined) {
    await refuseBad(journal, exchange, facts, problem.problem, problem.status);
    return undefined;
  }
  switch (read.outcome) {
    case 'whole':
      return { args: { kind: 'whole', sha256: read.sha256 }, whole: read.bytes, first: [] };
    case 'long':
      return { args: { kind: 'streamed' }, whole: undefined, first: read.chunks };
    case 'aborted':
      await journal.record(
        refused(facts, {
          status: ABORTED.status,
          error_kind: ABORTED.kind,
          error: ABORTED.text,
          duration_ms: elapsed(exchange),
        }),
      );
      return undefined;
    case 'timeout': {
      const error = 'the body did not come in time';
      const reply = { status: 408, body: { error, reason: 'client_timeout' } };
      await refuse(journal, exchange, facts, reply, {
        status: 'timeout',
        error_kind: 'client_timeout',
        error,
      });
      return undefined;
    }
  }
}

function problemWith(
  read: BodyRead,
  { control }: CallFacts,
  limit: number,
): { readonly problem: string; readonly status: number } | undefined {
  if (read.outcome === 'long' && wantsBody(control.injections) !== undefined)
    return { problem: tooLarge(limit), status: 413 };
  const problem = read.outcome === 'whole' ? injectProblem(control.injections, read.bytes) : undefined;
  return problem === undefined ? undefined : { problem, status: 400 };
}
