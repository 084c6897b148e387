/** Every recorded decision decided again: from its own snapshot and inputs, and, when asked, by another policy. */

import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import type { PolicyInForce } from '../../core/policy/compiled.ts';
import { textAt } from '../../core/query/fields.ts';
import { changeOf } from '../../core/replay/change.ts';
import { type Change, type ChangeRow, countDifferences } from '../../core/replay/differences.ts';
import { isUnrecordable, judgeDecision, kindOf } from '../../core/replay/judge.ts';
import { otherwise } from '../../core/replay/otherwise.ts';
import type { OpenedReader } from '../../reader.ts';
import { citedSnapshot } from '../snapshot.ts';
import { type Cited, snapshotPolicies } from './policies.ts';
import { type Found, type WalkOptions, walkDecisions } from './walk.ts';

/** A decision that is not what its snapshot and inputs give, or whose entry is not what the log's chain names. */
export interface Problem {
  readonly index: number;
  readonly id: string | undefined;
  /** `altered`: the entry after it names another hash. Without it, whoever altered it made the chain anew, or this is a bug. */
  readonly chain: Found['chain'];
  /** Members that say something else than was decided. */
  readonly members: readonly string[];
  /** What is wrong with the snapshot that it cites. */
  readonly snapshot?: string;
}

export interface Replay {
  /** Decisions that were looked at. */
  readonly decisions: number;
  readonly agree: number;
  /** Of these, how many are told to people in other words than this version's. */
  readonly reworded: number;
  readonly problems: { readonly count: number; readonly first: readonly Problem[] };
  /** Decisions of which it cannot be found out, by why. */
  readonly undecidable: { readonly [why: string]: number };
  /** Decisions of others: of programs whose records were imported, and refusals of operator requests. */
  readonly imported: number;
  readonly operator: number;
  /** Lines and stretches of the log that could not be read. */
  readonly unreadable: { readonly lines: number; readonly segments: number };
  readonly snapshots: { readonly [hash: string]: string };
  readonly against?: {
    readonly same: number;
    readonly differ: number;
    readonly undecidable: number;
    readonly rows: readonly ChangeRow[];
    /** Of differences that had no row left. */
    readonly rest: number;
  };
}

export async function replay(
  opened: OpenedReader,
  options: WalkOptions & { readonly other?: PolicyInForce },
): Promise<Replay> {
  const walk = walkDecisions(opened, options);
  const policies = snapshotPolicies(opened.reader);
  const tally = {
    decisions: 0,
    agree: 0,
    reworded: 0,
    imported: 0,
    operator: 0,
    same: 0,
    differ: 0,
    unknown: 0,
  };
  const undecidable = new Map<string, number>();
  const first: Problem[] = [];
  let problems = 0;
  const differences = countDifferences();

  function problem(one: Problem): void {
    problems++;
    if (first.length < LIMITS.replayProblems) first.push(one);
  }

  function judge({ index, chain }: Found, entry: JsonObject, cited: Cited): void {
    const id = textAt(entry, 'id');
    if ('fault' in cited && cited.fault !== 'format') {
      problem({ index, id, chain, members: [], snapshot: cited.fault });
      return;
    }
    const replayed =
      'fault' in cited
        ? ({ kind: 'undecidable', why: 'format' } as const)
        : judgeDecision(entry, cited.policy);
    if (replayed.kind === 'differs' || chain === 'broken') {
      problem({ index, id, chain, members: replayed.kind === 'differs' ? replayed.members : [] });
      return;
    }
    if (replayed.kind === 'undecidable')
      undecidable.set(replayed.why, (undecidable.get(replayed.why) ?? 0) + 1);
    else if (replayed.kind === 'agrees') {
      tally.agree++;
      if (replayed.reworded === true) tally.reworded++;
    }
    if (options.other === undefined || 'fault' in cited) return;
    const found = otherwise(entry, cited.policy, options.other);
    if (found.kind === 'same') tally.same++;
    else {
      if (found.kind === 'undecidable') tally.unknown++;
      else tally.differ++;
      differences.add(changeOf(entry, found) satisfies Change, index);
    }
  }

  for await (const batch of walk.found()) {
    for (const found of batch) {
      const { entry, index, chain } = found;
      const kind = entry === undefined ? 'none' : kindOf(entry);
      if (chain === 'broken' && (entry === undefined || kind !== undefined)) {
        problem({ index, id: entry && textAt(entry, 'id'), chain, members: [] });
        continue;
      }
      if (kind === 'imported' || kind === 'operator') tally[kind]++;
      if (entry === undefined || kind !== undefined) continue;
      tally.decisions++;
      if (chain !== 'broken' && isUnrecordable(entry)) {
        undecidable.set('inputs', (undecidable.get('inputs') ?? 0) + 1);
        continue;
      }
      const cited = policies.get(citedSnapshot(entry) ?? '');
      judge(found, entry, cited instanceof Promise ? await cited : cited);
    }
  }

  const { rows, rest } = differences.rows();
  return {
    decisions: tally.decisions,
    agree: tally.agree,
    reworded: tally.reworded,
    problems: { count: problems, first },
    undecidable: Object.fromEntries(undecidable),
    imported: tally.imported,
    operator: tally.operator,
    unreadable: { lines: walk.malformed(), segments: walk.damaged.length },
    snapshots: Object.fromEntries(policies.faults),
    ...(options.other === undefined
      ? {}
      : { against: { same: tally.same, differ: tally.differ, undecidable: tally.unknown, rows, rest } }),
  };
}
