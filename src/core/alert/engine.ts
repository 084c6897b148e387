/**
 * Alerts out of the entries of a log, in their order. Pure: the same entries and the same rules give the same alerts,
 * however they are cut into portions, and whatever was raised before is derived again with the same ids.
 *
 * Time is the log's own: it goes on by as much as the times of the entries do, and never back, so a clock that is set
 * back costs nothing, and one that was set forward and back again does not keep deadlines in the future for ever. `tick`
 * moves it on while nothing is recorded.
 */
import type { JsonObject } from '../json.ts';
import { field } from '../query/fields.ts';
import type { Action, Teller } from './action.ts';
import { alertIn } from './event.ts';
import type { Matcher, Signal } from './kinds/kind.ts';
import { makeMatcher } from './kinds/make.ts';
import { type Look, lookAt } from './look.ts';
import { createOpenings, type Openings, type SavedOpenings } from './openings.ts';
import { type AlertRule, FROM_OUTSIDE } from './rule.ts';

export interface AlertEngine {
  /** The next entry. Gaps and doubles in `index` are the caller's to avoid. */
  see(entry: JsonObject, index: number): void;
  /** Nothing with an earlier time than `ms` is still to come. */
  tick(ms: number): void;
  signal(signal: Signal): void;
  /** In force for the entries from here on. What a rule knows stays where the rule stays as it is. */
  useRules(rules: readonly AlertRule[]): void;
  /** What came of all that since the last call, in its order. */
  take(): readonly Action[];
  /** Plain JSON; an engine made from it goes on as this one would. */
  save(): SavedEngine;
}

export interface SavedEngine {
  readonly time: number;
  readonly wall: number;
  readonly rules: readonly AlertRule[];
  readonly parts: readonly { readonly matcher: unknown; readonly openings: SavedOpenings }[];
}

interface Part {
  readonly rule: AlertRule;
  readonly text: string;
  readonly matcher: Matcher;
  readonly openings: Openings;
}

export function createAlertEngine(rules: readonly AlertRule[], saved?: SavedEngine): AlertEngine {
  let actions: Action[] = [];
  let time = saved?.time ?? 0;
  /** The wall clock's time that `time` stands for; NaN before the first entry. */
  let wall = saved?.wall ?? Number.NaN;
  let parts: readonly Part[] = (saved?.rules ?? rules).map((rule, i) =>
    makePart(rule, saved?.parts[i]?.matcher, saved?.parts[i]?.openings),
  );
  if (saved !== undefined) useRules(rules);

  function makePart(rule: AlertRule, matcherState: unknown, openingsState?: SavedOpenings): Part {
    const openings = createOpenings(rule, (action) => actions.push(action), openingsState);
    const teller: Teller = {
      hit: (hit) => openings.hit(hit, time),
      resolve: (key, at) => openings.resolve(key, at),
    };
    return {
      rule,
      text: JSON.stringify(rule),
      matcher: makeMatcher(rule, teller, matcherState ?? undefined),
      openings,
    };
  }

  /** Every deadline up to `until`, in their order; of two at one time, in the order of the rules. */
  function advance(until: number): void {
    for (;;) {
      let first: { readonly due: number; readonly fire: () => void } | undefined;
      for (const { matcher, openings } of parts) {
        const waiting = matcher.due?.() ?? Number.POSITIVE_INFINITY;
        if (waiting <= until && waiting < (first?.due ?? Number.POSITIVE_INFINITY))
          first = { due: waiting, fire: () => matcher.fire?.() };
        const quiet = openings.due();
        if (quiet <= until && quiet < (first?.due ?? Number.POSITIVE_INFINITY))
          first = { due: quiet, fire: openings.fire };
      }
      if (first === undefined) break;
      time = Math.max(time, first.due);
      first.fire();
    }
    time = until;
  }

  function moveOn(ms: number): void {
    if (Number.isNaN(ms)) return;
    const step = Number.isNaN(wall) ? 0 : ms - wall;
    wall = ms;
    if (step > 0) advance(time + step);
  }

  /** Alerts never alert about themselves: these are taken note of, and no rule is shown them. */
  function note(entry: JsonObject): boolean {
    const about = alertIn(entry);
    if (about === undefined) return entry.type === 'alert.raise' || entry.type === 'alert.close';
    if ('closed' in about) {
      const { alert, why } = about.closed;
      for (const { openings } of parts)
        if (why !== 'acknowledged' || !openings.acknowledged(alert, time)) openings.forget(alert);
    } else if ('raised' in about && !about.raised.test) {
      const { id, rule, key, subject, at } = about.raised;
      const part = parts.find((one) => one.rule.name === rule && FROM_OUTSIDE.has(one.rule.kind));
      const known = part?.openings.list().some(([, opened]) => opened.id === id);
      if (known === false)
        part?.openings.adopt(key, { id, subject, count: 1, last: time, at: Date.parse(at) || wall });
    }
    return true;
  }

  function useRules(next: readonly AlertRule[]): void {
    const before = new Map(parts.map((part) => [part.rule.name, part]));
    parts = next.map((rule) => {
      const part = before.get(rule.name);
      before.delete(rule.name);
      if (part?.rule.kind !== rule.kind) {
        part?.openings.withdraw(wall);
        return makePart(rule, undefined);
      }
      if (part.text === JSON.stringify(rule)) return part;
      return makePart(rule, undefined, part.openings.save());
    });
    for (const part of before.values()) part.openings.withdraw(wall);
  }

  return {
    see(entry, index) {
      const ms = typeof entry.ts === 'string' ? Date.parse(entry.ts) : Number.NaN;
      moveOn(ms);
      // What was imported happened elsewhere and then: it tells nothing of this machine now.
      const apart = note(entry) || field(entry, 'metadata', 'imported') !== undefined;
      const look: Look = lookAt(entry, index, Number.isNaN(ms) ? wall : ms);
      for (const { matcher } of parts) if (!apart || matcher.all === true) matcher.see?.(look, time);
    },
    tick(ms) {
      if (ms > wall) moveOn(ms);
    },
    signal(signal) {
      for (const { matcher } of parts) matcher.signal?.(signal);
    },
    useRules,
    take() {
      const taken = actions;
      actions = [];
      return taken;
    },
    save: () => ({
      time,
      wall,
      rules: parts.map(({ rule }) => rule),
      parts: parts.map(({ matcher, openings }) => ({ matcher: matcher.save(), openings: openings.save() })),
    }),
  };
}
