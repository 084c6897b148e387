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
  /** Set back by whatever is told. */
  readonly idle: { timer?: NodeJS.Timeout };
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

const nodes = new Map<string, Node>();

export const nodeOf = (id: string | undefined): Node | undefined =>
  id === undefined ? undefined : nodes.get(id);

/** Rejects where no run may begin. `options` are asked for the first step of a tree only. */
export async function enter(
  tally: Tally,
  id: string,
  aboveId: string | undefined,
  options: () => RunOptions,
): Promise<Node> {
  const above = nodeOf(aboveId);
  const root = above?.root ?? (await begin(tally, options()));
  const node: Node = { id, root, above, below: new Set(), entry: above?.entry };
  root.idle.timer?.refresh();
  above?.below.add(node);
  nodes.set(id, node);
  if (above === undefined) {
    watch(node);
    // A run that ends without its last step being told, as when the program does, takes its steps along.
    root.run.signal.addEventListener('abort', () => void leave(node), { once: true });
  }
  return node;
}

/**
 * A stream that nobody reads to its end is over for its program, and LangChain tells nobody: nothing is heard of it any
 * more. A tool is told to end however long it takes.
 */
function watch(top: Node): void {
  const { idle } = top.root;
  const timer = setTimeout(() => {
    if (holds(top)) timer.refresh();
    else void leave(top, cutOff('not_told', 'nothing was told of it any more: its stream was dropped'));
  }, LIMITS.pluginIdleMs);
  idle.timer = timer.unref();
}

const holds = ({ held, guarded, below }: Node): boolean =>
  held !== undefined || guarded === true || [...below].some(holds);

async function begin(tally: Tally, options: RunOptions): Promise<Root> {
  const current = tally.current();
  const conversation = createConversation();
  if (current !== undefined) return { run: current, held: undefined, at: undefined, conversation, idle: {} };
  const held = await hold<Run>((during) => tally.run(options, during));
  return { run: held.given, held, at: held.at, conversation, idle: {} };
}

/** Nothing more comes of it, nor of what is below it: what was begun there and not ended is given up. */
export async function leave(node: Node, error?: unknown): Promise<void> {
  if (!nodes.delete(node.id)) return;
  node.above?.below.delete(node);
  for (const below of [...node.below]) {
    const why = cutOff('not_told', 'what it ran in was over, and nobody told how it ended');
    await below.held?.fail(why);
    if (below.call !== undefined && below.call !== node.call) endCall(below, why);
    await leave(below);
  }
  node.root.idle.timer?.refresh();
  if (node.above !== undefined) return;
  clearTimeout(node.root.idle.timer);
  await (error === undefined ? node.root.held?.end() : node.root.held?.fail(error));
}

function endCall({ call, root, said }: Node, error: unknown): void {
  if (call !== undefined)
    root.run.modelResponse(call, { error, ...(said === undefined ? {} : { output: said.join('') }) });
}
