/** Every agent of a log against its own baseline, entry by entry as they come. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { textAt } from '../query/fields.ts';
import { place, type Single, singleOf } from '../query/fold.ts';
import type { Deviation } from './deviation.ts';
import { createLiveBaseline, type LiveBaseline } from './judge.ts';
import type { LearnParams } from './learn.ts';
import type { Model } from './model.ts';
import { dayOf, isDay, timeOfDay, windowBefore } from './moment.ts';

/** A deviation, whose it is, and when by the log's time. */
export interface Drift extends Deviation {
  readonly agent: string;
  readonly at: number;
}

export interface WatchOptions {
  readonly windowDays: number;
  /** What the agent usually does: `learnFrom`, on an index that holds the log up to this entry or further. */
  learn(params: LearnParams): Promise<Model>;
}

export interface Watch {
  /**
   * The entries of the log, in their order. Waits for `learn` at the first entry of an agent and at its first of each UTC
   * day; rejects as it does, and learns again with the next entry.
   */
  see(entry: JsonObject, index: number): Promise<readonly Drift[]>;
}

interface Followed {
  readonly day: string;
  readonly live: LiveBaseline;
}

/** Memory: `LIMITS.baselineWatched` agents, `LIMITS.rememberedCalls` calls without their end. */
export function createWatch({ windowDays, learn }: WatchOptions): Watch {
  const followed = new Map<string, Followed>();
  const open = new Map<string, Single>();

  async function follow(agent: string, ts: string): Promise<LiveBaseline> {
    const day = dayOf(ts);
    const known = followed.get(agent);
    followed.delete(agent);
    // A clock that went back is no new day.
    const followedNow =
      known !== undefined && known.day >= day
        ? known
        : {
            day,
            live: createLiveBaseline(await learn({ agent, ...windowBefore(Date.parse(ts), windowDays) })),
          };
    evict(followed, LIMITS.baselineWatched);
    followed.set(agent, followedNow);
    return followedNow.live;
  }

  return {
    async see(entry, index) {
      const single = singleOf(entry, index);
      const { row, ends } = place(single, (id) => open.get(id));
      if (ends !== undefined && single.parent !== undefined) open.delete(single.parent);
      const id = textAt(entry, 'id');
      if (single.phase === 'pre_exec' && id !== undefined) {
        evict(open, LIMITS.rememberedCalls);
        open.set(id, single);
      }
      const { agent, ts } = row;
      if (agent === undefined || ts === undefined) return [];
      if (!isDay(dayOf(ts)) || timeOfDay(ts) === undefined) return [];
      const at = Date.parse(single.ts ?? ts);
      return (await follow(agent, ts)).add(row).map((deviation) => ({ ...deviation, agent, at }));
    },
  };
}

function evict<T>(map: Map<string, T>, most: number): void {
  const [oldest] = map.size >= most ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}
