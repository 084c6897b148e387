/**
 * The alerts of one rule that are open: one a key, raised once, counted while it lasts, closed when it was quiet for
 * long enough, is over, or a person has seen it. Memory is bounded: over a bound, what comes is counted in one alert.
 */
import { LIMITS } from '../limits.ts';
import { type Action, type Close, derivedId, type Hit } from './action.ts';
import { createRecent } from './recent.ts';
import { type AlertRule, LASTING } from './rule.ts';

export interface Opened {
  readonly id: string;
  readonly subject: string;
  /** How often it matched, the first time included. */
  readonly count: number;
  /** Log time of the last match, and the wall clock's. */
  readonly last: number;
  readonly at: number;
}

export interface SavedOpenings {
  readonly open: readonly (readonly [key: string, opened: Opened])[];
  readonly snoozed: readonly (readonly [key: string, until: number])[];
  readonly raised: readonly number[];
}

export interface Openings {
  hit(hit: Hit, t: number): void;
  resolve(key: string, at: number): void;
  /** A person has seen it: closed, and silent for the quiet period. True when it was one of these. */
  acknowledged(id: string, t: number): boolean;
  /** One that the log says is open and that cannot be derived from it. */
  adopt(key: string, opened: Opened): void;
  /** Closed by an entry that was not derived here. */
  forget(id: string): void;
  /** Log time at which the next one has been quiet for long enough. */
  due(): number;
  fire(): void;
  withdraw(at: number): void;
  list(): readonly (readonly [key: string, opened: Opened])[];
  save(): SavedOpenings;
}

/** The key of the one alert that stands for too many. No other key looks like it: those are JSON. */
const MANY = 'many';
const HOUR_MS = 3_600_000;

export function createOpenings(
  rule: AlertRule,
  emit: (action: Action) => void,
  saved?: SavedOpenings,
): Openings {
  const open = createRecent<Opened>(LIMITS.openAlerts + 1, saved?.open);
  const snoozed = createRecent<number>(LIMITS.openAlerts, saved?.snoozed);
  let raised = [...(saved?.raised ?? [])];
  const told = rule.destinations === undefined ? {} : { destinations: rule.destinations };

  function raise(hit: Hit, t: number): void {
    const id = derivedId(hit.at, 'alert.raise', rule.name, hit.key, hit.evidence.at(-1) ?? -1);
    open.touch(hit.key, { id, subject: hit.subject, count: 1, last: t, at: hit.at });
    const { name, kind, severity } = rule;
    emit({ do: 'raise', id, rule: name, kind, severity, ...hit, message: hit.message(), ...told });
  }

  function close(key: string, { id, subject, count }: Opened, why: Close['why'], at: number): void {
    open.delete(key);
    const { name, kind, severity } = rule;
    const own = derivedId(at, 'alert.close', id, why);
    emit({ do: 'close', id: own, alert: id, rule: name, kind, severity, subject, why, at, count, ...told });
  }

  function again(key: string, hit: Hit, t: number): boolean {
    const opened = open.get(key);
    if (opened === undefined) return false;
    open.touch(key, { ...opened, count: opened.count + 1, last: t, at: hit.at });
    return true;
  }

  function tooMany(t: number): boolean {
    raised = raised.filter((at) => at > t - HOUR_MS);
    return raised.length >= LIMITS.alertsPerHour || open.size >= LIMITS.openAlerts;
  }

  return {
    hit(hit, t) {
      if (again(hit.key, hit, t)) return;
      if ((snoozed.get(hit.key) ?? Number.NEGATIVE_INFINITY) > t) return;
      if (!tooMany(t)) {
        raised.push(t);
        raise(hit, t);
        return;
      }
      if (again(MANY, hit, t) || (snoozed.get(MANY) ?? Number.NEGATIVE_INFINITY) > t) return;
      const message = (): string =>
        `more than ${LIMITS.alertsPerHour} alerts of this rule within an hour; what follows is counted in this one. The first: ${hit.message()}`;
      raise({ ...hit, key: MANY, subject: rule.name, message }, t);
    },
    resolve(key, at) {
      const opened = open.get(key);
      if (opened !== undefined) close(key, opened, 'resolved', at);
      snoozed.delete(key);
    },
    acknowledged(id, t) {
      const found = open.entries().find(([, opened]) => opened.id === id);
      if (found === undefined) return false;
      open.delete(found[0]);
      snoozed.touch(found[0], t + rule.quiet_ms);
      return true;
    },
    adopt(key, opened) {
      open.touch(key, opened);
    },
    forget(id) {
      for (const [key, opened] of open.entries()) if (opened.id === id) open.delete(key);
    },
    due() {
      const oldest = LASTING.has(rule.kind) ? undefined : open.oldest();
      return oldest === undefined ? Number.POSITIVE_INFINITY : oldest[1].last + rule.quiet_ms;
    },
    fire() {
      const oldest = open.oldest();
      if (oldest !== undefined) close(oldest[0], oldest[1], 'quiet', oldest[1].at + rule.quiet_ms);
    },
    withdraw(at) {
      for (const [key, opened] of open.entries()) close(key, opened, 'withdrawn', at);
    },
    list: () => open.entries(),
    save: () => ({ open: open.entries(), snoozed: snoozed.entries(), raised }),
  };
}
