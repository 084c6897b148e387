/** In an agent of `createAgent`: every tool is guarded, and the model is told of a call that was stopped. */
import type { AgentMiddleware } from 'langchain';
import { TallyError } from '../../core/error.ts';
import type { ApprovalPendingError } from '../../sdk/errors.ts';
import type { Run, Tally } from '../../sdk/types.ts';
import { isHeldBack, isPending, wordsOf } from '../held-back.ts';
import { type GuardOptions, guarded, runOf } from './guard.ts';
import { isObject, objectIn, textIn, type Words } from './types.ts';

export interface MiddlewareOptions extends GuardOptions {
  /**
   * `interrupt`: what a person has to allow interrupts the graph, as `interrupt()` does, where it has a checkpointer.
   * `hold`: the call waits for as long as the policy holds a caller. Either way it is the approval of Tallystick that lets
   * it through.
   */
  readonly approvals?: 'interrupt' | 'hold';
  /**
   * `tell`: the model is told what a tool threw, as LangChain does where no middleware is around its tools; with one, whatever
   * it does, the agent ends. `throw`: for another middleware around this one, which retries or answers itself.
   */
  readonly toolErrors?: 'tell' | 'throw';
}

interface Request {
  readonly toolCall: { readonly name: string; readonly id?: string; readonly args: unknown };
  readonly tool: unknown;
  readonly runtime: {
    readonly configurable?: unknown;
    readonly interrupt?: unknown;
    readonly signal?: { readonly aborted?: unknown };
  };
}
type Next = (request: Request) => Promise<unknown>;

export function middleware(tally: Tally, options: MiddlewareOptions): AgentMiddleware {
  const { approvals = 'interrupt', toolErrors = 'tell', ...guard } = options;

  async function wrapToolCall(request: Request, next: Next): Promise<unknown> {
    const interrupts = approvals === 'interrupt' && mayInterrupt(request);
    const own = interrupts ? { ...guard, approvalTimeoutMs: 0 } : guard;
    const ask = () => next({ ...request, tool: guarded(request.tool, tally, own) });
    try {
      return await ask();
    } catch (error) {
      if (!isHeldBack(error)) return failed(request, error);
      if (!interrupts || !isPending(error)) return told(request, wordsOf(error));
      return answered(request, error, ask);
    }
  }

  /** Interrupts the graph; when it goes on, the step is made again from its start, and this is where the answer is. */
  async function answered(request: Request, error: ApprovalPendingError, ask: () => Promise<unknown>) {
    const { toolCall } = request;
    const answer: unknown = Reflect.apply(request.runtime.interrupt as () => unknown, undefined, [
      {
        tool: toolCall.name,
        args: toolCall.args,
        reason: error.reason,
        message: error.message,
        approval: error.approvalId,
        expires_at: error.expiresAt,
      },
    ]);
    const approved = isYes(answer);
    await inRunOf(error, (run) =>
      run.humanApproval({ what: toolCall.name, approved, metadata: { how: 'Command.resume' } }),
    );
    if (!approved) return told(request, JSON.stringify({ stopped: 'rejected', message: 'a person said no' }));
    try {
      return await ask();
    } catch (again) {
      if (!isHeldBack(again)) return failed(request, again);
      return told(request, wordsOf(again));
    }
  }

  /** In LangChain's words. Its end is on record by then. */
  function failed(request: Request, error: unknown): Promise<unknown> {
    if (toolErrors === 'throw' || !isOfTool(error, request)) throw error;
    return told(request, `${String(error)}\n Please fix your mistakes.`);
  }

  /** In the run that asked; a call that was in none had one of its own, which is over. */
  async function inRunOf(error: object, tell: (run: Run) => unknown): Promise<void> {
    const run = runOf(error);
    if (run === undefined) await tally.run({ workflow: 'approval' }, async (own) => void tell(own));
    else tell(run);
  }

  // The mark by which the framework knows what `createMiddleware` made.
  const made = { [Symbol.for('AgentMiddleware')]: true, name: 'tallystick', wrapToolCall };
  return made as unknown as AgentMiddleware;
}

function mayInterrupt({ runtime }: Request): boolean {
  const checkpointer = objectIn(runtime.configurable, '__pregel_checkpointer');
  return checkpointer !== undefined && typeof runtime.interrupt === 'function';
}

/** Not what could not be recorded, nor LangChain's own: the end of the agent, an interrupt, arguments that do not fit, other middleware. */
function isOfTool(error: unknown, { runtime }: Request): boolean {
  if (runtime.signal?.aborted === true || error instanceof TallyError) return false;
  const { is_bubble_up: isForGraph, '~brand': brand } = Object(error) as Words;
  return isForGraph !== true && brand === undefined;
}

/** As people answer: `true`, `'approve'`, `{ approved: true }`, `{ type: 'approve' }`. */
function isYes(answer: unknown): boolean {
  const words: Words = isObject(answer) ? answer : {};
  const said = typeof answer === 'string' ? answer : textIn(words, 'type');
  return answer === true || words.approved === true || /^(approved?|yes|accept)$/i.test(said ?? '');
}

/** Loaded when a call is stopped: by then the program has it. */
async function told({ toolCall }: Request, content: string): Promise<unknown> {
  const { ToolMessage } = await import('@langchain/core/messages');
  return new ToolMessage({
    content,
    name: toolCall.name,
    tool_call_id: toolCall.id ?? '',
    status: 'error',
  });
}
