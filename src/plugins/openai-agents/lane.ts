/** An agent's run. It may still be beginning: what is told of it meanwhile waits, in its order. */
import type { Run } from '../../sdk/types.ts';
import { type Conversation, createConversation } from '../conversation.ts';
import type { Held } from '../held.ts';

/** A call that was allowed, and waits for the SDK to make it. */
export interface Leftover {
  readonly tool: string;
  /** Of its arguments. */
  readonly print: string;
  /** Nobody will make it. */
  giveUp(why: string): Promise<void>;
}

export interface Lane {
  /** Rejects where it did not begin: then nothing is done in it. */
  readonly run: Promise<Run>;
  readonly conversation: Conversation;
  /** The runner's hooks tell what was said; the spans then do not. */
  saidByHooks: boolean;
  tell(what: (run: Run) => void): void;
  /** What was begun in it, and is not made yet. */
  readonly leftovers: Set<Leftover>;
  /** Gives up what is left over, and does not end it. */
  settle(): Promise<void>;
  /** With an error, it failed. A run that is another's to end is only settled. */
  end(error?: unknown): Promise<void>;
}

/** A run that somebody else began, and will end. */
export function laneIn(run: Run): Lane {
  return lane(Promise.resolve(run), run, undefined, async () => undefined);
}

/** `below`: where it is told what happens in a run that did not begin. */
export function laneOf(held: Promise<Held<Run>>, below?: Lane): Lane {
  return lane(
    held.then(({ given }) => given),
    undefined,
    below,
    async (error) => {
      const begun = await held.catch(() => undefined);
      await (error === undefined ? begun?.end() : begun?.fail(error));
    },
  );
}

function lane(
  run: Promise<Run>,
  open: Run | undefined,
  below: Lane | undefined,
  close: (error: unknown) => Promise<void>,
): Lane {
  const waiting: ((run: Run) => void)[] = [];
  const leftovers = new Set<Leftover>();
  let begun = open;
  let failed = false;
  function settled(now: Run | undefined): void {
    begun = now;
    failed = now === undefined;
    for (const what of waiting.splice(0)) self.tell(what);
  }
  // Whoever acts in it is told why it did not begin; what is only told goes to the run it would have been in.
  if (open === undefined) run.then(settled, () => settled(undefined));
  const self: Lane = {
    run,
    conversation: createConversation(),
    saidByHooks: false,
    leftovers,
    tell(what) {
      if (begun !== undefined) what(begun);
      else if (failed) below?.tell(what);
      else waiting.push(what);
    },
    async settle() {
      const left = [...leftovers];
      leftovers.clear();
      await Promise.all(
        left.map((one) => one.giveUp('it was allowed, and the run was over before it was made')),
      );
    },
    async end(error) {
      await self.settle();
      await close(error);
    },
  };
  return self;
}
