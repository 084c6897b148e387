/** The steps of one run as a tree. Pure: rows with their entries go in. */
import { type Facts, factsOf } from '../../../core/query/call.ts';
import { listAt, textAt } from '../../../core/query/fields.ts';
import type { AskedRow } from '../../asking.ts';

/** Why a step is not whole, as far as the log says. */
export type Flaw = 'open' | 'end_unknown' | 'no_beginning' | 'parent_missing';

export interface Step {
  readonly index: number;
  /** Of its post_exec. */
  readonly end: number | undefined;
  readonly id: string | undefined;
  readonly endId: string | undefined;
  readonly parent: string | undefined;
  readonly facts: Facts;
  /** Where nobody saw how it ended: what its end says of that. */
  readonly unseen?: string | undefined;
  /** First delegator first; empty for a direct call. */
  readonly chain: readonly string[];
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
}

export type TreeItem =
  | {
      readonly kind: 'step';
      readonly step: Step;
      readonly flaws: readonly Flaw[];
      /** Index of the step that it is shown under. */
      readonly under: number | undefined;
    }
  /** Agents that somebody handed work to: their steps stand below. */
  | { readonly kind: 'agent'; readonly agent: string; readonly chain: readonly string[] };

/** One line of the tree, from top to bottom. */
export interface TreeLine {
  readonly item: TreeItem;
  readonly depth: number;
  /** For the item and each of its ancestors, outermost first: whether it is the last one of its siblings. */
  readonly last: readonly boolean[];
}

export function stepOf({ row, call: { first, last } }: AskedRow): Step {
  const said = factsOf(last === undefined ? { first } : { first, last });
  const startMs = timeOf(said.ts);
  const ended = timeOf(last === undefined ? undefined : textAt(last, 'ts'));
  return {
    index: row.index,
    end: last === undefined ? undefined : row.end,
    id: textAt(first, 'id'),
    endId: textAt(last, 'id'),
    parent: textAt(first, 'parent_id'),
    facts: said,
    unseen: said.status === 'unknown' ? textAt(last ?? first, 'outcome', 'error') : undefined,
    chain: listAt(first, 'actor', 'delegation_chain').filter((name) => typeof name === 'string'),
    startMs,
    endMs: ended ?? (said.phase === 'pre_exec' ? undefined : startMs),
  };
}

function timeOf(ts: string | undefined): number | undefined {
  const ms = ts === undefined ? Number.NaN : Date.parse(ts);
  return Number.isNaN(ms) ? undefined : ms;
}

/** How long it took: as its outcome says, else by the times of its entries. */
export function tookMs({ facts, startMs, endMs, end }: Step): number | undefined {
  if (facts.durationMs !== undefined) return facts.durationMs;
  if (end === undefined || startMs === undefined || endMs === undefined) return undefined;
  return endMs >= startMs ? endMs - startMs : undefined;
}

interface Branch {
  readonly item: TreeItem | undefined;
  readonly children: Branch[];
}

/**
 * `steps` in the order of the log. A step stands under the step that its `parent_id` names; without one, under the agent
 * that the work was delegated to. `elsewhere`: ids that the log has, though not among `steps`.
 */
export function treeOf(
  steps: readonly Step[],
  elsewhere: ReadonlySet<string>,
  ignored: ReadonlySet<string>,
): readonly TreeLine[] {
  const root: Branch = { item: undefined, children: [] };
  const byId = new Map<string, Branch>();
  const agents = new Map<string, Branch>();

  function agentBranch(chain: readonly string[], agent: string): Branch {
    let at = root;
    // The first delegator is who the run belongs to.
    const names = [...chain.slice(1), agent];
    for (const [depth, name] of names.entries()) {
      const above = chain.slice(0, depth + 1);
      const key = JSON.stringify([...above, name]);
      let branch = agents.get(key);
      if (branch === undefined) {
        branch = { item: { kind: 'agent', agent: name, chain: above }, children: [] };
        agents.set(key, branch);
        at.children.push(branch);
      }
      at = branch;
    }
    return at;
  }

  for (const step of steps) {
    const known = step.parent === undefined || ignored.has(step.parent);
    const above = known ? undefined : byId.get(step.parent ?? '');
    const { agent } = step.facts;
    const home = step.chain.length === 0 || agent === undefined ? root : agentBranch(step.chain, agent);
    const flaws = flawsOf(step);
    if (!known && above === undefined && !elsewhere.has(step.parent ?? ''))
      flaws.push(step.facts.phase === 'post_exec' ? 'no_beginning' : 'parent_missing');
    const under = above?.item?.kind === 'step' ? above.item.step.index : undefined;
    const branch: Branch = { item: { kind: 'step', step, flaws, under }, children: [] };
    (above ?? home).children.push(branch);
    // The first that says an id has it.
    for (const id of [step.id, step.endId]) if (id !== undefined && !byId.has(id)) byId.set(id, branch);
  }
  return flatten(root);
}

function flawsOf({ facts, end }: Step): Flaw[] {
  const flaws: Flaw[] = [];
  if (facts.phase === 'pre_exec' && end === undefined) flaws.push('open');
  if (facts.status === 'unknown') flaws.push('end_unknown');
  return flaws;
}

/** Without recursion: a chain of parents is as long as somebody makes it. */
function flatten(root: Branch): readonly TreeLine[] {
  const lines: TreeLine[] = [];
  const stack: { readonly branch: Branch; readonly last: readonly boolean[] }[] = [];
  const push = (children: readonly Branch[], above: readonly boolean[]): void => {
    for (let at = children.length - 1; at >= 0; at--) {
      const branch = children[at];
      const last = at === children.length - 1;
      if (branch !== undefined) stack.push({ branch, last: [...above.slice(-DEEPEST), last] });
    }
  };
  push(root.children, []);
  const depths = new Map<Branch, number>(root.children.map((branch) => [branch, 0]));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { branch, last } = next;
    const depth = depths.get(branch) ?? 0;
    if (branch.item !== undefined) lines.push({ item: branch.item, depth, last });
    for (const child of branch.children) depths.set(child, depth + 1);
    push(branch.children, last);
  }
  return lines;
}

/** Levels whose lines are remembered for drawing; deeper ones are told by a number. */
export const DEEPEST = 8;
