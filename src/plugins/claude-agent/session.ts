/**
 * One session of an agent as the program tells it to our callbacks: its run, a run for each subagent, and what is said in
 * them. Sessions are begun by whatever comes first of them.
 */
import { subagentName } from '../../capture/hook/actor.ts';
import { type HookInput, pick, surroundings } from '../../capture/hook/input.ts';
import type { JsonObject } from '../../core/json.ts';
import { listAt, textAt } from '../../core/query/fields.ts';
import type { Tally } from '../../sdk/types.ts';
import { type Calls, type CallsOptions, createCalls, stepOf } from './calls.ts';
import type { Ended } from './programs.ts';
import { type OpenRun, openRun } from './runs.ts';

export interface SessionOptions extends Omit<CallsOptions, 'runOf'> {
  readonly tally: Tally;
  readonly agent: string;
}

export interface Session {
  readonly calls: Calls;
  /** Everything that is no call. Rejects when it cannot be recorded. */
  told(input: HookInput): Promise<void>;
  /** Its last turn is over, and nothing of it is under way. */
  isAtRest(): boolean;
  /** Nothing more comes of it; its run ends. Absent: as it ends when all is well. */
  end(ended?: Ended): Promise<void>;
}

export function createSession({ tally, agent, ...options }: SessionOptions): Session {
  const agents = new Map<string, Promise<OpenRun>>();
  let main: Promise<OpenRun> | undefined;
  let isOver = false;
  /** What the newest turn came to. */
  let turn: 'none' | 'open' | 'complete' | 'failed' = 'none';

  function mainRun(input: HookInput): Promise<OpenRun> {
    if (main !== undefined) return main;
    const about = {
      ...surroundings({ ...input, agent: undefined }),
      ...pick(input.value, ['source', 'model']),
    };
    const opening = opened((during) =>
      tally.run(
        { agent, metadata: about, ...(input.session === undefined ? {} : { session: input.session }) },
        during,
      ),
    );
    main = opening;
    // The next callback tries again.
    opening.catch(() => {
      if (main === opening) main = undefined;
    });
    return opening;
  }

  /** The run that this happened in: the session's, or that of a subagent, which may have no more than the session's. */
  async function runOf(input: HookInput): Promise<OpenRun> {
    const { agent: sub } = input;
    const session = await mainRun(input);
    if (sub === undefined) return session;
    const known = agents.get(sub.id);
    if (known !== undefined) return known;
    const opening = opened((during) =>
      session.run.delegate({ agent: subagentName(agent, sub.type), metadata: surroundings(input) }, during),
    );
    agents.set(sub.id, opening);
    opening.catch(() => agents.delete(sub.id));
    return opening;
  }

  const calls = createCalls({ runOf, ...options });

  /** Whoever ends it (the program may close its Tally as soon as it has the answer), calls end as they were told to. */
  async function opened(start: Parameters<typeof openRun>[0]): Promise<OpenRun> {
    const run = await openRun(start);
    run.base.beforeEnd(async () => void (await calls.endTold()));
    return run;
  }

  async function note(input: HookInput, more: JsonObject): Promise<void> {
    const { run } = await runOf(input);
    const tool = input.tool === undefined ? {} : { tool: input.tool };
    await run.note(undefined, { metadata: { ...stepOf(input), ...tool, ...more } });
  }

  async function endAgent(id: string, error?: Error): Promise<void> {
    const run = agents.get(id);
    agents.delete(id);
    await (await run?.catch(() => undefined))?.close(error);
  }

  return {
    calls,

    isAtRest: () => turn !== 'open' && agents.size === 0,

    async told(input) {
      const { value, agent: sub } = input;
      switch (input.event) {
        case 'SessionStart':
          await mainRun(input);
          if (textAt(value, 'source') !== 'startup') await note(input, pick(value, ['source']));
          return;
        case 'UserPromptSubmit':
          turn = 'open';
          await (await runOf(input)).run.userMessage(textAt(value, 'prompt'), { metadata: stepOf(input) });
          return;
        case 'Stop':
          turn = 'complete';
          await calls.endTold();
          await (await runOf(input)).base.tell(
            'model.response',
            { metadata: stepOf(input) },
            { outcome: { status: 'ok' } },
            { class: 'result', value: textAt(value, 'last_assistant_message') },
          );
          return;
        case 'StopFailure':
          turn = 'failed';
          await (await runOf(input)).run.error(textAt(value, 'error') ?? 'the turn failed', {
            metadata: { ...stepOf(input), ...pick(value, ['error_details']) },
          });
          return;
        case 'SubagentStart':
          await runOf(input);
          return;
        case 'SubagentStop':
          if (sub !== undefined) await endAgent(sub.id);
          return;
        case 'PermissionDenied':
          await note(input, pick(value, ['reason']));
          return calls.refused(input.call);
        case 'PermissionRequest':
          return note(input, { suggestions: listAt(value, 'permission_suggestions').length });
        default:
          return note(input, pick(value, ['message', 'title', 'notification_type', 'trigger']));
      }
    },

    async end({ code, signal } = OK) {
      if (isOver) return;
      isOver = true;
      await calls.endTold();
      await calls.endAll('its session ended, and nobody told how it ended');
      for (const id of [...agents.keys()])
        await endAgent(id, new Error('the session ended before its subagent did'));
      const run = await main?.catch(() => undefined);
      await run?.close(failureOf(turn, code, signal));
    },
  };
}

const OK: Ended = { code: 0, signal: null };

/** What the program says of itself, and what its last turn came to. */
function failureOf(turn: string, code: Ended['code'], signal: Ended['signal']): Error | undefined {
  if (signal !== null) return new DOMException(`the program was ended by ${signal}`, 'AbortError');
  if (code !== 0) return new Error(`the program ended with exit code ${code}`);
  if (turn === 'failed') return new Error('its last turn failed');
  if (turn === 'open') return new DOMException('its last turn was not over', 'AbortError');
  return undefined;
}
