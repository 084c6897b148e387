/**
 * The AI SDK of this process, without its program: an integration in the list that all copies of the AI SDK share, and a
 * listener on their tracing channel for calls that pass that list by. Both load what they need when they are first used.
 */
import { tracingChannel } from 'node:diagnostics_channel';
import type { Hear, HeardPhase } from './ai/hearing.ts';
import { kindOf } from './ai/owners.ts';

type Told = (event: never) => unknown;
type Telemetry = Readonly<Record<string, Told | undefined>>;

/** What only hears; the two wrappers besides are asked to do the work. */
const EVENTS = [
  'onStart',
  'onStepStart',
  'onLanguageModelCallStart',
  'onLanguageModelCallEnd',
  'onToolExecutionEnd',
  'onStepEnd',
  'onObjectStepStart',
  'onObjectStepEnd',
  'onEmbedStart',
  'onEmbedEnd',
  'onRerankStart',
  'onRerankEnd',
  'experimental_onDecisionModelCallStart',
  'experimental_onDecisionModelCallEnd',
  'experimental_onStreamTranscriptionStart',
  'experimental_onStreamTranscriptionEnd',
  'onEnd',
  'onAbort',
  'onError',
  // Where these cannot be loaded, nothing says that it may go on unrecorded: the call fails with the reason.
  'executeLanguageModelCall',
  'executeTool',
] as const;

/** In each process once, whichever copies of this package are loaded in it. */
const WATCHED = Symbol.for('tallystick.ai-sdk.auto');

interface Globals {
  [WATCHED]?: true;
  AI_SDK_TELEMETRY_INTEGRATIONS?: unknown[];
}

export function watchAiSdk(): void {
  const globals = globalThis as Globals;
  if (globals[WATCHED] === true) return;
  globals[WATCHED] = true;
  const load = () => import('./ai/auto.ts');

  const lazy = Object.fromEntries(
    EVENTS.map((name) => [
      name,
      async (event: never) => (((await load()).telemetry as Telemetry)[name] as Told | undefined)?.(event),
    ]),
  );
  globals.AI_SDK_TELEMETRY_INTEGRATIONS ??= [];
  globals.AI_SDK_TELEMETRY_INTEGRATIONS.push(lazy);

  listenToAiSdk(load);
}

/** Until the process ends, or what it gives is called. */
export function listenToAiSdk(load: () => Promise<{ readonly hear: Hear }>): () => void {
  let last: Promise<void> = Promise.resolve();
  const { start, asyncEnd } = tracingChannel('ai:telemetry');

  function listener(phase: HeardPhase): (message: unknown) => void {
    return (message) => {
      const kind = kindOf(callIdOf(message));
      const isHeld = kind !== undefined && kind !== 'heard';
      const at = performance.now();
      // In its order, and in the run that it happens in.
      last = last.then(async () => (await load()).hear(phase, message, isHeld, at)).catch(warnOnce);
    };
  }
  const onStart = listener('start');
  const onEnd = listener('asyncEnd');
  start.subscribe(onStart);
  asyncEnd.subscribe(onEnd);
  return () => {
    start.unsubscribe(onStart);
    asyncEnd.unsubscribe(onEnd);
  };
}

function callIdOf(message: unknown): string {
  const { event } = message as { readonly event?: { readonly callId?: unknown } | null };
  return typeof event?.callId === 'string' ? event.callId : '';
}

let hasWarned = false;

/** Listening to a program must not end it. */
function warnOnce(error: unknown): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(`a call of the AI SDK is not recorded: ${String(error)}`, 'TallystickWarning');
}
