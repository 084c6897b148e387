/** `createTally`: runs, the tools in them, and their end. */
import { agentIdOf } from '../core/agent-id.ts';
import type { Outcome } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import { isOutage } from '../core/outage.ts';
import { createRedactor, type Redactor } from '../core/redact/redact.ts';
import { act } from './act.ts';
import type { RecorderClient, RunStart, StartedRun } from './client.ts';
import { BASE, type Ending, here, type ProgramEnd } from './context.ts';
import { RunEndedError, unrecorded } from './errors.ts';
import { watchExit } from './exit.ts';
import { guardTool } from './guard.ts';
import { createMaker, statusOf } from './parts.ts';
import { bounded, retried } from './patience.ts';
import { openRun } from './run.ts';
import { createShell, type Shell } from './shell.ts';
import { type Above, startOf, UNNAMED } from './start.ts';
import type { DelegateOptions, GuardOptions, Run, RunOptions, Tally, TallyOptions } from './types.ts';
import { isFromKill, killedOutcome } from './under-way.ts';
import type { World } from './world.ts';

export interface TallyDeps {
  readonly world: World;
  readonly client: RecorderClient;
  /** Of the program, as the start of a run says it. */
  readonly command: string | undefined;
  readonly token: string | undefined;
  readonly transport: () => RecorderClient['kind'] | undefined;
}

interface Open {
  readonly run: Run;
  readonly live: ReturnType<typeof openRun>['live'];
  /** Run in which it was started. */
  readonly above: string | undefined;
}

const OUTER_ENDED: Outcome = {
  status: 'aborted',
  error_kind: 'outer_run_ended',
  error: 'the run in which it was started ended before it did',
};

export function createTallyWith(options: TallyOptions, deps: TallyDeps): Tally {
  const { world, client } = deps;
  let redactor: Redactor | undefined = redactorOf(options);
  const shell: Shell = createShell({
    client,
    world,
    make: createMaker(() => redactor),
    onWarning: options.onWarning,
  });
  const open = new Set<Open>();
  client.onKilled((killed) => {
    for (const { live } of open) if (live.base.started.run_id === killed.run_id) live.base.under.kill(killed);
  });
  /** Takes the handlers away again; they are there for as long as anything is held. */
  let forget: (() => void) | undefined;
  let idle: NodeJS.Timeout | undefined;

  /** A run that nobody records, where the machine lets it go on: word is left of it, and its actions are decided. */
  async function unrecordedRun(cause: Error, what: string): Promise<StartedRun> {
    if (!isOutage(cause)) throw cause;
    if ((await shell.mode()) !== 'open') throw unrecorded('the run did not begin', cause);
    if (!world.remember({ what, why: cause.code, count: 1 }))
      throw unrecorded('the run did not begin: that it is not recorded cannot be noted anywhere', cause);
    shell.warn(
      `NOT RECORDED: ${cause.message}; failure_modes.sdk is open in config.yaml, so the run goes on`,
    );
    return { run_id: world.runId(), id: '' };
  }

  async function begin(asked: RunOptions, above?: Above): Promise<Open> {
    clearTimeout(idle);
    const start = startOf(asked, above, shell.make, { ...deps, options });
    const answer = await started(start);
    const record =
      answer instanceof Error
        ? await unrecordedRun(answer, `run of ${start.agent_id ?? 'an agent'}`)
        : answer;
    const chain = above?.within.chain ?? [];
    const { live, events } = openRun(shell, record, { agent: start.agent_id, chain });
    const run: Run = {
      id: record.run_id,
      agent: start.agent_id,
      delegationChain: chain,
      signal: live.base.controller.signal,
      ...events,
      act: (action, fn) => act(live.base, run, action, fn),
      delegate: async (wanted, fn) => {
        const passed = await delegated(wanted);
        return drive(wanted, fn, { within: { ...record, chain: passed.chain }, token: passed.token });
      },
      delegateToken: async (wanted) => {
        const { token, token_id, chain: hands, expires_at } = await delegated(wanted);
        if (token === undefined)
          throw unrecorded(
            'no token is passed on',
            new Error('over HTTP nothing is delegated; use the socket'),
          );
        return { token, tokenId: token_id, chain: hands, expiresAt: expires_at };
      },
    };
    async function delegated({ agent, label, expiresInSeconds, scopes, contract }: DelegateOptions) {
      if (live.base.controller.signal.reason instanceof RunEndedError) throw new RunEndedError();
      const wanted = {
        agent_id: agentIdOf(agent) ?? UNNAMED,
        ...(label === undefined ? {} : { label }),
        ...(expiresInSeconds === undefined ? {} : { expires_in_s: expiresInSeconds }),
        ...(scopes === undefined ? {} : { scopes: [...scopes] }),
        ...(contract === undefined ? {} : { contract }),
      };
      const answered = await retried(
        () =>
          client.delegate(
            record,
            [...chain, ...(start.agent_id === undefined ? [] : [start.agent_id])],
            wanted,
          ),
        shell,
      );
      if (answered instanceof Error)
        throw isOutage(answered) ? unrecorded('nothing is passed on', answered) : answered;
      return answered;
    }

    Object.defineProperty(run, BASE, { value: live.base });
    const opened: Open = { run, live, above: above?.within.run_id };
    open.add(opened);
    if (options.handleExit !== false) forget ??= watchExit(ending);
    return opened;
  }

  const ending: Ending = {
    async end(how) {
      const rest = [...open].flatMap(({ live }) => live.tellRest() ?? []);
      // What is known of how something ended comes before that its program does.
      if (rest.length > 0) await bounded(Promise.all(rest), LIMITS.sdkExitMs / 2);
      for (const { run, live } of open) {
        live.base.under.cut(how);
        if (how.status === 'error' && live.isOpen()) void run.error(how.error);
      }
      await closeAll(outcomeOf(how), performance.now() + LIMITS.sdkExitMs);
    },
    rest,
    lastWords(how) {
      // Those that were started in others end before them.
      for (const { live } of [...open].reverse()) live.lastWords(outcomeOf(how), how);
    },
    lastClose: ({ kind }) => client.lastClose(kind),
    isOpen: () => forget !== undefined,
  };

  /** Not asked twice where the first may have been carried out: that would be another run. */
  async function started(start: RunStart): Promise<StartedRun | Error> {
    try {
      return await client.startRun(start);
    } catch (error) {
      if (error instanceof Error) return error;
      throw error;
    }
  }

  const outcomeOf = ({ status, kind, error }: ProgramEnd): Outcome => ({
    status,
    ...(error === undefined ? {} : shell.make.failure(error)),
    error_kind: kind,
  });

  async function drive<T>(
    asked: RunOptions,
    fn: (run: Run) => T | PromiseLike<T>,
    above?: Above,
  ): Promise<T> {
    asked.signal?.throwIfAborted();
    const opened = await begin(asked, above);
    const { run, live } = opened;
    const abort = (): void => live.base.controller.abort(asked.signal?.reason);
    asked.signal?.addEventListener('abort', abort, { once: true });
    let outcome: Outcome = { status: 'ok' };
    try {
      // It may have been aborted while the start was recorded.
      asked.signal?.throwIfAborted();
      return await live.within(run, () => fn(run));
    } catch (error) {
      outcome = failed(live, asked.signal, error);
      throw error;
    } finally {
      asked.signal?.removeEventListener('abort', abort);
      await closeBelow(opened);
      await live.close(outcome);
      open.delete(opened);
      if (open.size === 0) restSoon();
    }
  }

  const belowOf = ({ run }: Open): readonly Open[] => [...open].filter(({ above }) => above === run.id);

  /** The end of a run revokes what those act with that were started in it: they end before it, whoever forgot to wait for them. */
  async function closeBelow(opened: Open): Promise<void> {
    if (belowOf(opened).length === 0) return;
    // Those whose function is over end by themselves, as it did.
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(belowOf(opened).map((one) => closeTree(one, OUTER_ENDED)));
  }

  async function closeTree(opened: Open, outcome: Outcome, until?: number): Promise<void> {
    await Promise.all(belowOf(opened).map((one) => closeTree(one, outcome, until)));
    await opened.live.close(
      outcome,
      until === undefined ? undefined : Math.max(0, until - performance.now()),
    );
  }

  async function closeAll(outcome: Outcome, until?: number): Promise<void> {
    const ids = new Set([...open].map(({ run }) => run.id));
    const outermost = [...open].filter(({ above }) => above === undefined || !ids.has(above));
    await Promise.all(outermost.map((one) => closeTree(one, outcome, until)));
  }

  function failed(live: Open['live'], signal: AbortSignal | undefined, error: unknown): Outcome {
    const killed = live.base.under.killed();
    if (killed !== undefined && isFromKill(error, killed)) return killedOutcome(killed);
    return { status: statusOf(error, signal), ...shell.make.failure(error) };
  }

  function restSoon(): void {
    clearTimeout(idle);
    idle = setTimeout(() => void rest(), LIMITS.sdkIdleMs);
    idle.unref();
  }

  async function rest(): Promise<void> {
    clearTimeout(idle);
    if ([...open].some(({ live }) => live.isOpen())) return;
    try {
      await client.rest();
    } catch (error) {
      shell.warn(`the recorder could not be closed: ${String(error)}`);
    }
    // A run may have begun meanwhile.
    if ([...open].some(({ live }) => live.isOpen())) return;
    forget?.();
    forget = undefined;
  }

  /** Here, in a run of its own where the code runs in none. */
  async function doing<T>(action: Parameters<Run['act']>[0], fn: () => T | PromiseLike<T>): Promise<T> {
    const run = here()?.run;
    if (run !== undefined) return run.act(action, fn);
    const workflow = typeof action === 'string' ? action : action.name;
    return drive({ workflow }, (own) => own.act(action, fn));
  }

  return {
    run: <T>(
      first: RunOptions | ((run: Run) => T | PromiseLike<T>),
      second?: (run: Run) => T | PromiseLike<T>,
    ) => {
      const [asked, fn] = typeof first === 'function' ? [{}, first] : [first, second];
      if (fn === undefined) throw new TypeError('tally.run(options, async (run) => { … })');
      return drive(asked, fn, aboveHere());
    },
    current: () => here()?.run,
    guardTool: ((tool: unknown, guard: GuardOptions = {}) =>
      guardTool(tool, guard, doing)) as Tally['guardTool'],
    protect(name, value) {
      redactor ??= createRedactor();
      return redactor.setSecret(name, value);
    },
    get transport() {
      return deps.transport();
    },
    async flush() {
      await Promise.all([...open].map(({ run }) => run.flush()));
    },
    async close() {
      const closing = [...open];
      await closeAll({ status: 'aborted', error_kind: 'closed' });
      for (const opened of closing) open.delete(opened);
      await rest();
    },
  };
}

/** A run that is started in another one of this program is in it on record, with what that one has at most. */
function aboveHere(): Above | undefined {
  const outer = here();
  return outer === undefined
    ? undefined
    : { within: { ...outer.started, chain: outer.run.delegationChain }, token: undefined };
}

function redactorOf({ redact }: TallyOptions): Redactor | undefined {
  if (redact === undefined || redact.length === 0) return undefined;
  return createRedactor({
    names: redact.flatMap(({ names = [] }) => names),
    patterns: redact.flatMap(({ patterns = [] }) => patterns),
  });
}
