/** What an event gives back at once: its id and step, and a promise that nobody has to await. */
import { unrecorded } from './errors.ts';
import type { Handed } from './queue.ts';
import type { Shell } from './shell.ts';
import type { Noted, Receipt } from './types.ts';

type Told = Receipt | undefined;

/** An event that waits in the queue. */
export function noted(shell: Shell, handed: Promise<Handed>, what: string, receipt: Receipt): Noted {
  const promise = settled(shell, handed, what, receipt);
  // Its rejection is looked at here, and told to those who await it.
  promise.catch(() => undefined);
  return Object.assign(promise, receipt);
}

/** What became of an event, as its caller is told. */
async function settled(shell: Shell, handed: Promise<Handed>, what: string, receipt: Receipt): Promise<Told> {
  const answer = await shell.outage.within(handed);
  if ('id' in answer) return receipt;
  // A refusal is ours, not the recorder's being away: it is counted and said, and is no reason to stop the agent.
  if ('refused' in answer) return undefined;
  return without(shell, what, 'outage' in answer ? answer.outage : new Error(answer.lost));
}

async function without(shell: Shell, what: string, why: unknown): Promise<undefined> {
  if ((await shell.mode()) === 'open') return undefined;
  throw unrecorded(`${what} is not in the log`, why);
}

/**
 * An event for which there was no room. Nothing waits for it until somebody awaits it: a program that tells a million of
 * them in one turn must not fill its memory with promises.
 */
export class LostNoted implements Noted {
  readonly [Symbol.toStringTag] = 'Promise';
  readonly stepId: string;
  readonly #shell: Shell;
  readonly #what: string;
  readonly #why: string;
  #id: string | undefined;

  constructor(shell: Shell, what: string, why: string, stepId: string) {
    this.stepId = stepId;
    this.#shell = shell;
    this.#what = what;
    this.#why = why;
  }

  /** Of no entry. */
  get id(): string {
    this.#id ??= this.#shell.world.entryId();
    return this.#id;
  }

  #told(): Promise<Told> {
    return without(this.#shell, this.#what, new Error(this.#why));
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise, made when somebody asks
  then<A = Told, B = never>(
    done?: ((told: Told) => A | PromiseLike<A>) | null,
    failed?: ((why: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#told().then(done, failed);
  }

  catch<B = never>(failed?: ((why: unknown) => B | PromiseLike<B>) | null): Promise<Told | B> {
    return this.#told().catch(failed);
  }

  finally(ended?: (() => void) | null): Promise<Told> {
    return this.#told().finally(ended);
  }
}
