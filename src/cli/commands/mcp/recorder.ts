/**
 * How a session reaches the recorder: the one that runs, or, when none does, this process. One that went away is looked for
 * again with the next question; whoever finds nobody becomes the recorder itself.
 */
import { withAncestry } from '../../../capture/agent/who.ts';
import type { Asked, Verdict } from '../../../capture/mcp/verdict.ts';
import { LIMITS } from '../../../core/limits.ts';
import { isOutage } from '../../../core/outage.ts';
import { machineConfig } from '../../../open/machine.ts';
import type { Session } from '../../../open.ts';
import { TENANT } from '../../../paths.ts';
import type { Ask, Op, OpParams } from '../../../recorder/ops.ts';
import type { Context } from '../../context.ts';
import { goOn } from '../../ungoverned.ts';

export interface McpRecorder {
  readonly ask: Ask;
  close(): Promise<void>;
}

/** Asked twice they would be two: the second is not asked for by us. */
const ONCE: ReadonlySet<Op> = new Set(['run.start']);

export function openMcpRecorder(context: Context): McpRecorder {
  let session: Promise<Session> | undefined;
  /** Nobody could be reached the last time: calls are not held up for long to find that out again. */
  let isDown = false;

  function current(): Promise<Session> {
    if (session !== undefined) return session;
    const opening = open();
    session = opening;
    opening.then(
      () => {
        isDown = false;
      },
      () => {
        isDown = true;
        if (session === opening) session = undefined;
      },
    );
    return opening;
  }

  async function open(): Promise<Session> {
    const client = withAncestry(await context.client('mcp', { operator: false }), process.ppid);
    // Its log is looked at for alerts, and shown to anchors, for as long as this process is the recorder.
    return context.openSession({
      client,
      background: true,
      ...(isDown ? { waitMs: LIMITS.mcpRetryMs } : {}),
    });
  }

  let asking = 0;
  let resting: NodeJS.Timeout | undefined;

  /** Nothing is asked any more, for now; the next question opens the log again. */
  function rest(): void {
    clearTimeout(resting);
    resting = setTimeout(async () => {
      const held = await session?.catch(() => undefined);
      if (held?.role !== 'writer' || asking > 0) return;
      const { open_actions } = await held.ask('status', {});
      // What is open would be closed as unknown, also that of others.
      if (open_actions > 0) rest();
      else if (asking === 0) await drop(held, 'nothing was to be recorded');
    }, LIMITS.mcpIdleMs);
    resting.unref();
  }

  /** Several questions may find out at once that the recorder is gone: one of them looks for the next. */
  async function drop(gone: Session, why = 'it cannot be written any more'): Promise<void> {
    const held = session;
    if (held === undefined || (await held.catch(() => undefined)) !== gone) return;
    if (session === held) session = undefined;
    await gone.close(why).catch(() => undefined);
  }

  const ask: Ask = async (op, params) => {
    asking++;
    try {
      return await answered(op, params);
    } finally {
      asking--;
      rest();
    }
  };

  const answered: Ask = async (op, params) => {
    const first = await current();
    try {
      return await first.ask(op, params);
    } catch (error) {
      if (!isOutage(error)) throw error;
      await drop(first);
      if (ONCE.has(op)) throw error;
    }
    const next = await current();
    try {
      return await next.ask(op, params);
    } catch (error) {
      if (isOutage(error)) await drop(next);
      throw error;
    }
  };

  return {
    ask,
    async close() {
      clearTimeout(resting);
      await (await session?.catch(() => undefined))?.close('the session of an MCP server ended');
    },
  };
}

/** Decides without a record and remembers it, where the machine's configuration lets it go on. Otherwise throws `cause`. */
export function withoutRecord(
  context: Context,
  { closed, token }: { readonly closed: boolean; readonly token: () => Promise<string | undefined> },
): (asked: Asked, cause: unknown) => Promise<Verdict> {
  let warned = false;
  const once: Context = {
    ...context,
    warn(line) {
      if (!warned) context.warn(line);
      warned = true;
    },
  };
  return async (asked, cause) => {
    if (closed) throw cause;
    const ungoverned = await goOn(once, 'mcp', cause);
    const { openUngoverned } = await import('../../../open/ungoverned.ts');
    const recorder = await openUngoverned({
      paths: context.paths,
      allowObserve: (await machineConfig(context.paths.configFile)).allow_observe,
      onWarning: once.warn,
      remember(what) {
        ungoverned.note(what);
        return true;
      },
      now: context.now,
    });
    const run_token = await token();
    const identity = recorder.identify(run_token === undefined ? {} : { run_token });
    const { decision } = await recorder.act(
      {
        request: {
          tenant_id: TENANT,
          action: {
            name: asked.name,
            tool: { name: asked.name },
            ...(asked.tier === undefined ? {} : { tier: asked.tier }),
          },
          args: asked.partial === true ? 'streamed' : 'whole',
          credentials: [],
          ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
        },
        identity,
        args: asked.args,
      },
      // Nobody builds an entry out of it.
      () => ({ type: 'tool.call', phase: 'pre_exec' }),
      { surface: 'mcp', assurance: 'enforced' },
    );
    if (decision.outcome === 'allow' || decision.enforced === false) return { go: true };
    const {
      outcome,
      reason = 'policy_denied',
      message = 'the policy does not allow it',
      layer,
      rule,
    } = decision;
    return {
      go: false,
      refusal: {
        kind: outcome === 'approval_required' ? 'approval' : 'stop',
        reason,
        message,
        ...(layer === undefined ? {} : { layer }),
        ...(rule === undefined ? {} : { rule }),
      },
    };
  };
}

export function startOf(
  { env }: Context,
  command: string,
  options: {
    readonly agent?: string;
    readonly reason?: string;
    readonly project?: string;
    readonly env?: string;
  },
): OpParams<'run.start'> {
  return {
    command,
    ...(env.TALLY_AGENT_TOKEN === undefined ? {} : { agent_token: env.TALLY_AGENT_TOKEN }),
    ...(options.agent === undefined ? {} : { agent_id: options.agent }),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.project === undefined ? {} : { project_id: options.project }),
    ...(options.env === undefined ? {} : { environment: options.env }),
  };
}
