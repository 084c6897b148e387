/**
 * One run: its steps, what it is made of, and its end. Steps are counted when something is reported, so their numbers
 * have no gap but where something was lost; both halves of a pair have the same one.
 */
import type { Outcome } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { RunBase } from './base.ts';
import type { StartedRun } from './client.ts';
import { here, type ProgramEnd, shared } from './context.ts';
import { RunEndedError, unrecorded } from './errors.ts';
import { type Events, round, tellingOf } from './events.ts';
import { bounded, pause, retried, TOO_LONG } from './patience.ts';
import { createQueue } from './queue.ts';
import type { Shell } from './shell.ts';
import type { Common, Run } from './types.ts';
import { createUnderWay } from './under-way.ts';

export interface LiveRun {
  readonly base: RunBase;
  /** In it, `tally.current()` is this run. */
  within<T>(run: Run, fn: () => T): T;
  /** Ends what is open in it, and it. Never rejects. */
  close(outcome: Outcome, patienceMs?: number): Promise<void>;
  /** What is still to be told before its end; undefined: nothing is. */
  tellRest(): Promise<void> | undefined;
  lastWords(outcome: Outcome, how: ProgramEnd): void;
  readonly isOpen: () => boolean;
}

const ENTRY_ID = /^log_[0-9A-HJKMNP-TV-Z]{26}$/;

export function openRun(
  shell: Shell,
  started: StartedRun,
  about: { readonly agent: string | undefined; readonly chain: readonly string[] },
): { readonly live: LiveRun; readonly events: Events } {
  const { world, make } = shell;
  const queue = createQueue({
    client: shell.client,
    run: started,
    room: shell.room,
    onLost: shell.lost,
    onOutage: shell.outage.began,
    onBack() {
      shell.outage.ended();
      void shell.tellLost();
    },
    onEmpty: () => void shell.tellLost(),
    pause,
  });
  const controller = new AbortController();
  const began = world.now();
  const untold: (() => Promise<void>)[] = [];
  let steps = 0;
  let closed: Promise<void> | undefined;
  /** What was open in it is ended. */
  let isTold = false;
  /** Its end is in the log, or known not to be. */
  let isEnded = false;

  function parent(): string {
    const at = here();
    return at?.run.id === started.run_id ? at.parentId : started.id;
  }

  function common({ parent: named, metadata, risk, reason }: Common): ReturnType<RunBase['common']> {
    const parent_id = typeof named === 'string' ? named : (named?.id ?? parent());
    const free = make.free(metadata);
    const risks = make.free(risk);
    const purpose = make.reason(reason);
    return {
      ...(ENTRY_ID.test(parent_id) ? { parent_id } : {}),
      ...(free === undefined ? {} : { metadata: free }),
      ...(risks === undefined ? {} : { risk: risks }),
      ...(purpose === undefined ? {} : { reason: purpose }),
    };
  }

  async function room(): Promise<void> {
    const told = await shell.outage.within(shell.room.free());
    if (told === undefined || (await shell.mode()) === 'open') return;
    throw unrecorded('there is no room for more', told.outage);
  }

  const base: RunBase = {
    shell,
    started,
    queue,
    chain: about.chain,
    agent: about.agent,
    controller,
    under: createUnderWay(controller),
    step: () => String(++steps),
    parent,
    common,
    room,
    beforeEnd: (tell) => void untold.push(tell),
    tell: (...told) => telling.tell(...told),
  };
  const telling = tellingOf(base);
  const { events, endOpen } = telling;

  async function tellRest(): Promise<void> {
    await Promise.all(untold.map((tell) => tell()));
  }

  async function close(outcome: Outcome, patienceMs?: number): Promise<void> {
    if (untold.length > 0) await bounded(tellRest(), patienceMs ?? LIMITS.sdkExitMs);
    if (!controller.signal.aborted) controller.abort(new RunEndedError());
    const told: Outcome = { duration_ms: round(world.now() - began), ...outcome };
    isTold = true;
    for (const _ of endOpen(told))
      if (queue.full() !== undefined) await bounded(shell.outage.within(shell.room.free()), patienceMs);
    await bounded(shell.outage.within(queue.idle()), patienceMs);
    if (queue.waiting() > 0) queue.give('nothing could be recorded until the run was over');
    const endId = world.entryId();
    const last = await bounded(
      retried(() => shell.client.endRun(started, endId, told), shell),
      patienceMs,
    );
    isEnded = true;
    if (last instanceof Error || last === TOO_LONG) {
      shell.lost(
        `run.end of ${started.run_id}`,
        last instanceof TallyError ? last.code : 'there was no time left',
      );
      shell.rememberLost();
    } else await bounded(shell.tellLost(), patienceMs);
  }

  function lastWords(outcome: Outcome, how: ProgramEnd): void {
    if (isEnded) return;
    base.under.cut(how);
    if (!isTold) for (const _ of endOpen(outcome));
    closed ??= Promise.resolve();
    const { events: left, ends } = queue.drain();
    const told = shell.client.lastWords(started, left, ends, outcome);
    if (!told.all) {
      for (const { type } of left) shell.lost(type, 'the process ended');
      for (const _ of ends) shell.lost('the end of an action', 'the process ended');
    }
    if (!told.ended) shell.lost(`run.end of ${started.run_id}`, 'the process ended');
    shell.rememberLost();
  }

  return {
    events,
    live: {
      base,
      within: (run, fn) => shared.storage.run({ run, parentId: started.id, started }, fn),
      close: (outcome, patienceMs) => (closed ??= close(outcome, patienceMs)),
      tellRest: () => (untold.length === 0 ? undefined : tellRest()),
      lastWords,
      isOpen: () => closed === undefined,
    },
  };
}
