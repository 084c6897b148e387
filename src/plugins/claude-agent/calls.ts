/**
 * The calls of tools in one session: each is decided, and its pre_exec durable, before the program is answered; and each
 * ends, by what a callback says of it, by what whoever was asked beside the hooks said, or by the transcript.
 */

import { transcriptOf } from '../../capture/hook/agent-transcripts.ts';
import { denied, GO_ON } from '../../capture/hook/answer.ts';
import { endOf, type HookInput, printOf, short, surroundings } from '../../capture/hook/input.ts';
import {
  createTranscriptState,
  readOn,
  type TranscriptState,
  type Transcripts,
} from '../../capture/hook/transcript.ts';
import type { Outcome, Tier } from '../../core/entry.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { field } from '../../core/query/fields.ts';
import { type NamedTool, toolNamed } from '../../core/tool-name.ts';
import { type Held, hold } from '../../sdk/act.ts';
import type { Action } from '../../sdk/types.ts';
import { wordsOf } from './answers.ts';
import type { OpenRun } from './runs.ts';
import type { Said } from './words.ts';

export interface CallsOptions {
  readonly runOf: (input: HookInput) => Promise<OpenRun>;
  readonly tier: Tier | undefined;
  readonly transcripts: Transcripts;
  /** The SDK has the program let nothing run when our callback fails. */
  readonly blocks: () => boolean;
}

export interface Calls {
  /** What the program is answered. Never rejects. */
  before(input: HookInput, said: Said, signal: AbortSignal): Promise<JsonObject>;
  after(input: HookInput): Promise<void>;
  /** The program, or whoever it asked, refused this call. One that is not known changes nothing. */
  refused(id: string): Promise<void>;
  /** Whoever was asked let it run with this input. Gives why it may not. */
  changed(id: string, changed: JsonObject, signal: AbortSignal): Promise<string | undefined>;
  /** Ends what no callback ended, as the transcript says. Gives whether each has an end then. Never rejects. */
  endTold(): Promise<boolean>;
  /** Nothing more comes of any of them. */
  endAll(why: string): Promise<void>;
}

const OBSERVED = { assurance: 'observed' } as const;

interface Call {
  readonly input: HookInput;
  held: Held | undefined;
  /** Of what was decided on. */
  readonly print: string;
  /** Resolves with its decision: an end may overtake it. */
  readonly decided: Promise<void>;
  ended: boolean;
}

export function createCalls({ runOf, tier, transcripts, blocks }: CallsOptions): Calls {
  const calls = new Map<string, Call>();
  /** By their path: the session's, and one for each subagent. */
  const read = new Map<string, TranscriptState>();
  let telling = Promise.resolve(true);

  function transcriptAt(path: string): TranscriptState {
    const known = read.get(path);
    if (known !== undefined) return known;
    const [oldest] = read.keys();
    if (read.size > LIMITS.hookAgents && oldest !== undefined) read.delete(oldest);
    const made = createTranscriptState();
    read.set(path, made);
    return made;
  }

  async function decide(input: HookInput, args: Json | undefined, signal: AbortSignal): Promise<void> {
    await end(calls.get(input.call), { status: 'unknown', error: 'the same call was asked for again' });
    const { base } = await runOf(input);
    const decided = Promise.withResolvers<void>();
    const call: Call = {
      input,
      held: undefined,
      print: printOf({ ...input.value, tool_input: args }),
      decided: decided.promise,
      ended: false,
    };
    calls.set(input.call, call);
    await makeRoom();
    try {
      const asked = { ...actionOf(input, args, signal), ...(blocks() ? {} : OBSERVED) };
      call.held = await hold(base, asked, undefined, LIMITS.hookHoldMs);
    } catch (error) {
      call.ended = true;
      throw error;
    } finally {
      decided.resolve();
    }
    // Nobody hears the answer any more, so nobody begins it.
    if (signal.aborted) await end(call, { status: 'aborted', error_kind: 'cancelled' });
  }

  function actionOf(input: HookInput, args: Json | undefined, signal: AbortSignal): Action {
    // By its client's name for it, which the recorder keeps beside the one that it decides on.
    const name = input.tool ?? 'tool';
    const { server } = toolNamed(name);
    const at = input.agent === undefined ? tier : 'subagent';
    return {
      name,
      tool: server === undefined ? { name } : { name, server },
      ...(args === undefined ? {} : { args }),
      ...(at === undefined ? {} : { tier: at }),
      metadata: stepOf(input),
      signal,
    };
  }

  /** Once: what comes later changes nothing. */
  async function end(
    call: Call | undefined,
    outcome: Outcome,
    metadata?: Record<string, unknown>,
  ): Promise<void> {
    await call?.decided;
    if (call === undefined || call.ended) return;
    call.ended = true;
    await call.held?.end(outcome, undefined, metadata);
  }

  async function makeRoom(): Promise<void> {
    if (calls.size <= LIMITS.hookCalls) return;
    const [oldest] = calls;
    const [id, call] = [...calls].find(([, { ended }]) => ended) ?? oldest ?? [];
    if (id === undefined) return;
    calls.delete(id);
    await end(call, { status: 'unknown', error: 'too many calls of this session were open' });
  }

  /** A call that others keep from running is on record, and nobody decides on it. */
  async function blocked(input: HookInput, kind: string, why: string | undefined): Promise<void> {
    const { base } = await runOf(input);
    const args = field(input.value, 'tool_input');
    const hashed = args === undefined ? undefined : base.shell.make.args(args);
    const error = short(why);
    await base.tell(
      'tool.call',
      { metadata: stepOf(input) },
      {
        action: {
          ...named(input),
          ...(hashed === undefined ? {} : { args: hashed.value }),
          ...(hashed === undefined || hashed.whole ? {} : { args_note: 'partial' }),
        },
        outcome: { status: 'blocked', error_kind: kind, ...(error === undefined ? {} : { error }) },
      },
      { class: 'arguments', value: args },
    );
  }

  const openCalls = (): readonly (readonly [string, Call])[] => [...calls].filter(([, { ended }]) => !ended);

  async function tellEnds(): Promise<boolean> {
    const open = openCalls();
    for (const path of new Set(open.map(([, { input }]) => transcriptOf(input)))) {
      if (path === undefined) continue;
      const state = transcriptAt(path);
      // One that cannot be read says nothing: those calls end with their session.
      await readOn(state, transcripts, path).catch(() => false);
      for (const [id, call] of open) {
        const told = state.ends.get(id);
        if (told !== undefined) await end(call, { status: told.status }, { told_by: 'transcript' });
      }
    }
    return openCalls().length === 0;
  }

  return {
    async before(input, { stopped, input: changed }, signal) {
      try {
        if (stopped !== undefined) {
          await blocked(input, stopped.kind, stopped.why);
          return GO_ON;
        }
        if (changed === 'unclear') {
          const why = 'two hooks change the input of this call, each in its own way';
          await blocked(input, 'input_unclear', why);
          return denied(`Nobody can decide on this: ${why}.`);
        }
        await decide(input, changed ?? field(input.value, 'tool_input'), signal);
        return GO_ON;
      } catch (error) {
        return denied(wordsOf(error));
      }
    },

    async after(input) {
      const call = calls.get(input.call);
      await call?.decided;
      const { base } = await runOf(input);
      const { outcome, said } = endOf(input);
      const metadata = stepOf(input);
      if (call?.held === undefined || call.ended) {
        // It was told not to, or nobody asked.
        const why = call === undefined ? { unpaired: true } : { ran_though_stopped: true };
        await base.tell(
          'tool.result',
          { metadata: { ...metadata, ...why } },
          { action: named(input), outcome },
          { class: 'result', value: said },
        );
        return;
      }
      call.ended = true;
      const isOther = printOf(input.value) !== call.print;
      await call.held.end(outcome, base.shell.make.payload('result', said, undefined), {
        ...metadata,
        ...(isOther ? { ran_with_other_input: true } : {}),
      });
    },

    async refused(id) {
      const call = calls.get(id);
      if (call !== undefined)
        await end(call, { status: 'blocked', error_kind: 'denied_by_client' }, stepOf(call.input));
    },

    async changed(id, changed, signal) {
      const call = calls.get(id);
      await call?.decided;
      if (call === undefined || call.ended) return undefined;
      const { input } = call;
      if (printOf({ ...input.value, tool_input: changed }) === call.print) return undefined;
      // What was decided on is not what would run.
      await end(call, { status: 'aborted', error_kind: 'input_changed' }, stepOf(input));
      try {
        await decide(input, changed, signal);
        return undefined;
      } catch (error) {
        return wordsOf(error);
      }
    },

    endTold() {
      // One after the other: each reads on where the one before it stopped.
      telling = telling.then(tellEnds);
      return telling;
    },

    async endAll(why) {
      for (const call of calls.values()) await end(call, { status: 'unknown', error: why });
      calls.clear();
    },
  };
}

function named(input: HookInput): { readonly name: string; readonly tool: NamedTool } {
  const tool = toolNamed(input.tool ?? 'tool');
  return { name: tool.name, tool };
}

/** What the record of a callback says of its surroundings, with the program's own name for the call. */
export function stepOf(input: HookInput): Record<string, unknown> {
  return { ...surroundings(input), ...(input.step === undefined ? {} : { tool_use_id: input.step }) };
}
