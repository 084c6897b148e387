/** Agents of random but stationary behaviour, from a seed: what they do tomorrow is drawn as what they did before. */
import type { Row } from '../../../src/core/query/row.ts';

export interface Random {
  /** 0 ≤ x < 1 */
  next(): number;
  between(low: number, high: number): number;
  whole(low: number, high: number): number;
  chance(p: number): boolean;
  exponential(mean: number): number;
  normal(): number;
  pick<T>(list: readonly T[]): T;
  /** An index, by weight. */
  weighted(weights: readonly number[]): number;
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const between = (low: number, high: number): number => low + (high - low) * next();
  const whole = (low: number, high: number): number => Math.floor(between(low, high + 1));
  return {
    next,
    between,
    whole,
    chance: (p) => next() < p,
    exponential: (mean) => -mean * Math.log(1 - next()),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    pick(list) {
      const found = list[Math.floor(next() * list.length)];
      if (found === undefined) throw new Error('nothing to pick from');
      return found;
    },
    weighted(weights) {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      let at = next() * total;
      for (const [i, weight] of weights.entries()) {
        at -= weight;
        if (at < 0) return i;
      }
      return weights.length - 1;
    },
  };
}

const DAY_MS = 86_400_000;
export const START = Date.UTC(2026, 5, 1);

export interface Habits {
  readonly agent: string;
  readonly random: Random;
  readonly runsPerDay: number;
  readonly weekend: boolean;
  readonly firstHour: number;
  readonly hours: number;
  readonly callsPerRun: number;
  /** Spread of the logarithm of calls a run. */
  readonly spread: number;
  readonly gapMs: number;
  readonly hosts: readonly HostHabits[];
  readonly weights: readonly number[];
  readonly stops: number;
  readonly runs: 'named' | 'none';
  readonly environments: readonly string[];
}

interface HostHabits {
  readonly host: string;
  readonly methods: readonly string[];
  readonly credential: string | undefined;
  readonly failing: number;
  /** Chance of an hour in which most calls fail. */
  readonly outages: number;
  readonly ms: number;
  readonly msSpread: number;
}

/** `seed` decides everything. Small and large, steady and bursty, few hosts and long tails of them. */
export function habitsOf(seed: number, world: { readonly outages: boolean } = { outages: true }): Habits {
  const random = createRandom(seed);
  const count = random.chance(0.15) ? random.whole(20, 60) : random.whole(1, 8);
  const skew = random.between(0.6, 1.6);
  const hosts = Array.from({ length: count }, (_, i): HostHabits => {
    return {
      host: `h${i}.example`,
      methods: random.chance(0.5) ? ['GET'] : ['GET', 'GET', 'GET', 'POST', 'DELETE'],
      credential: random.chance(0.6) ? `KEY_${random.whole(0, 4)}` : undefined,
      failing: random.chance(0.4) ? random.between(0, 0.1) : random.between(0, 0.01),
      outages: (random.chance(0.3) ? random.between(0, 0.02) : 0) * (world.outages ? 1 : 0),
      ms: random.between(20, 2000),
      msSpread: random.between(0.1, 1),
    };
  });
  return {
    agent: `agent-${seed}`,
    random,
    runsPerDay: random.between(1, 10),
    weekend: random.chance(0.5),
    firstHour: random.whole(0, 23),
    hours: random.whole(2, 12),
    callsPerRun: random.between(3, 60),
    spread: random.between(0.1, 1),
    gapMs: random.between(500, 20_000),
    hosts,
    weights: hosts.map((_, i) => (i + 1) ** -skew),
    stops: random.chance(0.3) ? random.between(0, 0.05) : 0,
    runs: random.chance(0.85) ? 'named' : 'none',
    environments: random.chance(0.3) ? ['production', 'staging'] : ['production'],
  };
}

let counter = 0;

export function rowOf(agent: string, ms: number, more: Partial<Row>): Row {
  const index = counter;
  counter += 2;
  return {
    id: `log_${index}`,
    ts: new Date(ms).toISOString(),
    type: 'http.call',
    phase: 'pre_exec',
    tenant: 'local',
    surface: 'proxy',
    assurance: 'enforced',
    agent,
    identity: 'issued',
    token: undefined,
    user: undefined,
    onBehalfOf: undefined,
    run: undefined,
    step: undefined,
    session: undefined,
    project: undefined,
    environment: undefined,
    method: undefined,
    host: undefined,
    action: 'http.call',
    tool: undefined,
    credentials: [],
    decision: 'allow',
    reasonCode: undefined,
    layer: undefined,
    enforced: true,
    status: 'ok',
    statusCode: 200,
    durationMs: 10,
    redacted: false,
    index,
    end: index + 1,
    ...more,
  };
}

/** What it does on one day, in the order of time. */
export function dayOfRows(habits: Habits, day: number): Row[] {
  const { random } = habits;
  const start = START + day * DAY_MS;
  const weekday = new Date(start).getUTCDay();
  if (!habits.weekend && (weekday === 0 || weekday === 6)) return [];
  const drafts: { readonly ms: number; readonly more: Partial<Row> }[] = [];
  const outages = new Set<string>();
  for (let hour = 0; hour < 48; hour++)
    for (const { host, outages: p } of habits.hosts) if (random.chance(p)) outages.add(`${host} ${hour}`);
  let runs = 0;
  for (let sum = random.exponential(1); sum < habits.runsPerDay; sum += random.exponential(1)) runs++;
  for (let n = 0; n < runs; n++) {
    let ms = start + ((habits.firstHour + habits.hours * random.next()) % 24) * 3_600_000;
    const run = habits.runs === 'named' ? `run_${habits.agent}_${day}_${n}` : undefined;
    const environment = random.pick(habits.environments);
    const calls = Math.max(1, Math.round(habits.callsPerRun * Math.exp(habits.spread * random.normal())));
    for (let call = 0; call < calls; call++) {
      ms += random.exponential(habits.gapMs);
      if (ms >= start + DAY_MS) break;
      const host = habits.hosts[random.weighted(habits.weights)];
      if (host === undefined) continue;
      const hour = Math.floor((ms - start) / 3_600_000);
      const failing = outages.has(`${host.host} ${hour}`) ? 0.7 : host.failing;
      const stopped = random.chance(habits.stops);
      const failed = random.chance(failing);
      drafts.push({
        ms,
        more: {
          run,
          environment,
          host: host.host,
          method: random.pick(host.methods),
          credentials: host.credential === undefined ? [] : [host.credential],
          durationMs: host.ms * Math.exp(host.msSpread * random.normal()),
          ...(stopped ? { decision: 'stop', status: 'blocked', statusCode: undefined } : {}),
          ...(failed && !stopped ? { statusCode: 500, status: 'error' } : {}),
        },
      });
    }
  }
  drafts.sort((a, b) => a.ms - b.ms);
  return drafts.map(({ ms, more }) => rowOf(habits.agent, ms, more));
}

export function daysOfRows(habits: Habits, first: number, count: number): Row[] {
  return Array.from({ length: count }, (_, i) => dayOfRows(habits, first + i)).flat();
}

export function at(day: number): string {
  return new Date(START + day * DAY_MS).toISOString();
}
