/**
 * What runs in what, by the ids that LangChain gives each step: the first step of a tree is a run, and all below it
 * belongs to it. Known to the handler and to guarded tools, whichever of them records a call.
 */
import { LIMITS } from '../../core/limits.ts';
import type { Here } from '../../sdk/context.ts';
import type { Acting, Noted, Run, RunOptions, Tally } from '../../sdk/types.ts';
import { type Conversation, createConversation } from '../conversation.ts';
import { cutOff, type Held, hold } from '../held.ts';

export interface Root {
  readonly run: Run;
  /** Undefined for a run that somebody else began, and will end. */
  readonly held: Held<Run> | undefined;
  readonly at: Here | undefined;
  readonly conversation: Conversation;
  /** All that are known of this log. */
  readonly nodes: Map<string, Node>;
  /** Tools that are being decided. */
  readonly beginning: Set<Promise<unknown>>;
  /** Watches over it: whatever is told sets it back. */
  readonly watch: { told(): void; dropped(): void; over(): void };
}

export interface Node {
  readonly id: string;
  readonly root: Root;
  readonly above: Node | undefined;
  readonly below: Set<Node>;
  /** The entry that what happens in it belongs to. */
  entry: string | undefined;
  /** Told to have begun; a model, a retriever, a tool that is only watched. */
  call?: Noted;
  /** A tool that is held. */
  held?: Held<Acting>;
  /** A guarded tool: it records itself. */
  guarded?: boolean;
  /** What a model has said until now, where it is streamed. */
  said?: string[];
}

interface Steps {
  readonly nodes: Map<string, Node>;
  /** Steps that are being entered: where two handlers hear the same, one of them tells it. */
  readonly claimed: Set<string>;
}

const steps = new WeakMap<Tally, Steps>();

function stepsOf(tally: Tally): Steps {
  const known = steps.get(tally) ?? { nodes: new Map(), claimed: new Set() };
  steps.set(tally, known);
  return known;
}

export const nodeOf = (tally: Tally, id: string | undefined): Node | undefined =>
  id === undefined ? undefined : stepsOf(tally).nodes.get(id);

/**
 * Rejects where no run may begin. `options` are asked for the first step of a tree only. Undefined where another handler
 * of the same log was told of this step already: it is that one's to tell.
 */
export async function enter(
  tally: Tally,
  id: string,
  aboveId: string | undefined,
  options: () => RunOptions,
): Promise<Node | undefined> {
  const { nodes, claimed } = stepsOf(tally);
  if (nodes.has(id) || claimed.has(id)) return undefined;
  claimed.add(id);
  try {
    const above = nodeOf(tally, aboveId);
    return enterIn(above?.root ?? (await begin(tally, options())), id, above);
  } finally {
    claimed.delete(id);
  }
}

function enterIn(root: Root, id: string, above: Node | undefined): Node {
  const node: Node = { id, root, above, below: new Set(), entry: above?.entry };
  if (above === undefined) Object.assign(root.watch, watchOver(node));
  root.watch.told();
  above?.below.add(node);
  root.nodes.set(id, node);
  return node;
}

/**
 * A stream that nobody reads to its end is over for its program, and LangChain does not tell: a step ends before what is in
 * it, or nothing is heard any more. A tool is told to end however long it takes.
 */
function watchOver(top: Node): Root['watch'] {
  const { held, run } = top.root;
  const why = cutOff('not_told', 'nothing was told of it any more: its stream was dropped');
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  function wait(ms: number): void {
    clearTimeout(timer);
    if (isOver) return;
    timer = setTimeout(() => (holds(top) ? wait(LIMITS.pluginIdleMs) : void leave(top, why)), ms).unref();
  }
  // A run that ends without its last step being told, as when the program does, takes its steps along.
  const ended = (): void => void leave(top, run.signal.reason);
  if (held !== undefined) run.signal.addEventListener('abort', ended, { once: true });
  return {
    told: () => wait(LIMITS.pluginIdleMs),
    dropped: () => wait(LIMITS.pluginCancelMs),
    over() {
      isOver = true;
      clearTimeout(timer);
      run.signal.removeEventListener('abort', ended);
    },
  };
}

const holds = ({ held, guarded, below }: Node): boolean =>
  held !== undefined || guarded === true || [...below].some(holds);

async function begin(tally: Tally, options: RunOptions): Promise<Root> {
  const current = tally.current();
  const conversation = createConversation();
  const beginning = new Set<Promise<unknown>>();
  const { nodes } = stepsOf(tally);
  if (current !== undefined)
    return {
      run: current,
      held: undefined,
      at: undefined,
      conversation,
      nodes,
      beginning,
      watch: unwatched(),
    };
  const held = await hold<Run>((during) => tally.run(options, during));
  return { run: held.given, held, at: held.at, conversation, nodes, beginning, watch: unwatched() };
}

/** Until its first step is there. */
const unwatched = (): Root['watch'] => ({ told() {}, dropped() {}, over() {} });

/**
 * Nothing more comes of it, nor of what is below it: what was told to begin there and not to end is given up. A tool may go
 * on after what it ran in failed: LangChain tells its end all the same.
 */
export async function leave(node: Node, error?: unknown): Promise<void> {
  if (!node.root.nodes.delete(node.id)) return;
  node.above?.below.delete(node);
  node.root.watch.told();
  for (const below of [...node.below]) {
    if (below.held !== undefined) {
      goesOn(below, below.held);
      continue;
    }
    if (below.call !== undefined) endCall(below);
    await leave(below);
    node.root.watch.dropped();
  }
  if (node.above !== undefined) return;
  node.root.watch.over();
  await decided(node.root);
  await (error === undefined ? node.root.held?.end() : node.root.held?.fail(error));
}

/** The run does not end before it, for a moment: what is decided then stands in it. */
export function whileOpen<T>({ beginning }: Root, work: Promise<T>): Promise<T> {
  beginning.add(work);
  return work.finally(() => beginning.delete(work));
}

/** One that waits for a person does not keep the run open: it is refused when the run is over. */
async function decided({ beginning }: Root): Promise<void> {
  if (beginning.size === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, LIMITS.pluginCancelMs);
  });
  await Promise.race([Promise.allSettled(beginning), late]);
  clearTimeout(timer);
}

const NOT_TOLD = 'what it ran in was over, and nobody told how it ended';

/** Another handler may have kept it from running: then nobody tells anything of it any more. */
function goesOn(node: Node, held: Held<Acting>): void {
  node.above?.below.delete(node);
  setTimeout(() => {
    if (!node.root.nodes.delete(node.id)) return;
    void held.fail(cutOff('not_told', NOT_TOLD));
  }, LIMITS.pluginIdleMs).unref();
}

function endCall({ call, root, said }: Node): void {
  if (call === undefined) return;
  root.run.modelResponse(call, {
    error: cutOff('not_told', NOT_TOLD),
    ...(said === undefined ? {} : { output: said.join(''), metadata: { streamed: 'in part' } }),
  });
}
