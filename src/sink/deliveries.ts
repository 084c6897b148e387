/**
 * Delivers messages to their destinations, each at its own pace: one that hangs or fails keeps neither the recorder nor
 * another destination waiting. A message leaves only when it was taken, or into the list of those that were given up,
 * which an entry tells of.
 */
import { clip } from '../core/alert/event.ts';
import type { DestinationState } from '../core/alert/state.ts';
import { isTallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../core/ports.ts';
import type { Destination, Message } from './driver.ts';
import { backoffMs, type Item, type OutboxState } from './outbox.ts';
import { type DestinationSetting, goesTo } from './setting.ts';
import { stateOf } from './state.ts';

/** What is delivered, as warnings say it. */
export interface DeliveryWords {
  readonly one: string;
  readonly many: string;
  /** What a person can do about one that was given up. */
  givenUp(destination: string): string;
}

export interface DeliveryHost {
  readonly words: DeliveryWords;
  /** Asked at every turn; throws BAD_CONFIG: then what was configured stays. */
  destinations(): readonly { readonly setting: DestinationSetting; readonly destination: Destination }[];
  /** The entry at that index as a message; undefined when it is not there, or none. */
  message(index: number): Promise<Message | undefined>;
  /** Resolved: durable. Calls come one after the other. */
  save(state: OutboxState): Promise<void>;
  /** An entry that says what was given up. */
  gaveUp(item: Item): Promise<void>;
  readonly now: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  onWarning(line: string): void;
}

export interface Deliveries {
  /**
   * Messages in the order of the log, and the index that was reached with them. Resolved: they will be delivered. Those
   * below what was reached before are known.
   */
  take(messages: readonly Message[], reached: number): Promise<void>;
  /** One message beside that order. Gives the names of the destinations that it goes to. */
  send(message: Message): Promise<readonly string[]>;
  readonly reached: () => number;
  /** Starts what is due. Waits for none of it. */
  turn(): void;
  /** Tries again what was given up and what waits, of one destination or all. Gives what is tried now. */
  retry(name: string | undefined): Promise<readonly Item[]>;
  /** Resolves when each of these was tried once from now on, or after `waitMs`. */
  settled(ids: ReadonlySet<string>, waitMs: number): Promise<void>;
  states(): readonly DestinationState[];
  /** As it is saved. */
  state(): OutboxState;
  /** What is under way is aborted; it is delivered again by the next start. */
  close(): Promise<void>;
}

export function createDeliveries(host: DeliveryHost, loaded: OutboxState): Deliveries {
  const { words } = host;
  let { reached } = loaded;
  let waiting: Item[] = [...loaded.waiting];
  let dead: Item[] = [...loaded.dead];
  let configured: ReturnType<DeliveryHost['destinations']> = [];
  let broken: string | undefined;
  const busy = new Map<string, Promise<void>>();
  const told = new Set<string>();
  /** Messages that wait, as far as they came in this process: finding one in the log costs reading a part of it. */
  const known = new Map<string, Message>();
  /** Since when the configuration has no such destination; messages wait for it. */
  const gone = new Map<string, number>();
  const stop = new AbortController();
  let saving: Promise<void> = Promise.resolve();

  const state = (): OutboxState => ({ format: 1, reached, waiting, dead });

  function save(): Promise<void> {
    // What is true when its turn comes: several changes may become one write.
    saving = saving.catch(() => undefined).then(() => host.save(state()));
    return saving;
  }

  function readConfiguration(): void {
    try {
      configured = host.destinations();
      broken = undefined;
    } catch (error) {
      if (!isTallyError(error)) throw error;
      if (broken !== error.message)
        host.onWarning(`the destinations of ${words.many} stay as they were: ${error.message}`);
      broken = error.message;
    }
  }

  function enqueue(message: Message): readonly string[] {
    const { about } = message;
    const isWanted = (setting: DestinationSetting): boolean => {
      if ('asked' in about) return about.asked.to.has(setting.name);
      const alert = 'raised' in about ? about.raised : about.closed;
      return goesTo(setting, { ...alert, closes: 'closed' in about });
    };
    const to = configured.filter(({ setting }) => isWanted(setting)).map(({ setting }) => setting.name);
    const { id, index } = message;
    const now = host.now();
    // It is there already when it could not be kept the last time.
    for (const destination of to)
      if (!waiting.some((item) => isSame(item, { id, destination })))
        waiting.push({ id, index, destination, attempts: 0, since: now, next: now });
    if (to.length > 0 && known.size < LIMITS.waitingDeliveries) known.set(id, message);
    return to;
  }

  async function take(messages: readonly Message[], upTo: number): Promise<void> {
    if (upTo <= reached) return;
    readConfiguration();
    const fresh = messages.filter(({ index }) => index >= reached);
    for (const message of fresh) enqueue(message);
    const before = reached;
    reached = upTo;
    if (fresh.length === 0) return;
    try {
      await kept();
    } catch (error) {
      // They are taken again: what is not durable is not reached.
      reached = before;
      throw error;
    }
  }

  async function kept(): Promise<void> {
    const over = configured.flatMap(({ setting }) => {
      const own = waiting.filter(({ destination }) => destination === setting.name);
      return own.slice(0, Math.max(0, own.length - LIMITS.waitingDeliveries));
    });
    for (const item of over)
      await giveUp(item, `more than ${LIMITS.waitingDeliveries} messages wait for this destination`);
    await save();
    turn();
  }

  /** On record first: a message that leaves the queue and is in no list would be lost without a word. */
  async function giveUp(item: Item, error: string): Promise<void> {
    const given = { ...item, error };
    await host.gaveUp(given);
    drop(item);
    dead = [...dead, given].slice(-LIMITS.deadDeliveries);
    host.onWarning(
      `${words.one} was not delivered to ${item.destination}: ${error}; ${words.givenUp(item.destination)}`,
    );
  }

  async function attempt(item: Item, destination: Destination): Promise<void> {
    const attempts = item.attempts + 1;
    try {
      const message = known.get(item.id) ?? (await host.message(item.index));
      if (message === undefined || message.id !== item.id)
        return await giveUp({ ...item, attempts }, `entry ${item.index} is not there any more`).then(() =>
          drop(item),
        );
      await destination.deliver(message, stop.signal);
      drop(item);
      if (told.delete(item.destination)) host.onWarning(`${item.destination} takes ${words.many} again`);
    } catch (error) {
      if (stop.signal.aborted) return;
      await failedOnce(item, attempts, error);
    }
    await save();
  }

  function drop(item: Item): void {
    waiting = waiting.filter((one) => !isSame(one, item));
    if (!waiting.some(({ id }) => id === item.id)) known.delete(item.id);
  }

  /** A name that was misspelt for a moment loses nothing; one that is gone for long keeps nothing waiting. */
  async function giveUpGone(now: number): Promise<void> {
    const there = new Set(configured.map(({ setting }) => setting.name));
    for (const name of [...gone.keys()]) if (there.has(name)) gone.delete(name);
    for (const item of waiting) {
      const { destination } = item;
      if (there.has(destination)) continue;
      const since = gone.get(destination) ?? now;
      gone.set(destination, since);
      if (now - since < LIMITS.deliveryRetryMostMs) continue;
      await giveUp(item, `config.yaml has no destination ${destination} any more`);
      await save();
    }
  }

  async function failedOnce(item: Item, attempts: number, thrown: unknown): Promise<void> {
    // A receiver may have a say in it: what its certificate names, for one.
    const message = clip(thrown instanceof Error ? thrown.message : String(thrown), ERROR_CHARS);
    const asked = isTallyError(thrown) ? thrown.details?.retry_after_ms : undefined;
    const wait = backoffMs(attempts, host.random(), typeof asked === 'number' ? asked : undefined);
    const tried: Item = { ...item, attempts, next: host.now() + wait, error: message };
    waiting = waiting.map((one) => (isSame(one, item) ? tried : one));
    if (!told.has(item.destination))
      host.onWarning(`${words.one} could not be delivered: ${message}; it is tried again`);
    told.add(item.destination);
    if (attempts >= LIMITS.deliveryTries) await giveUp(tried, message);
  }

  /** One at a time for each destination, the one that is due longest. */
  function turn(): void {
    if (stop.signal.aborted) return;
    readConfiguration();
    const now = host.now();
    if (!busy.has(''))
      busy.set(
        '',
        giveUpGone(now)
          .catch(warn('of destinations that are gone'))
          .finally(() => busy.delete('')),
      );
    for (const { destination } of configured) {
      const { name } = destination;
      if (busy.has(name)) continue;
      // No wait is longer than that: one that seems so was begun before the clock was set back.
      const isDue = ({ next }: Item): boolean => next <= now || next > now + LIMITS.deliveryRetryMostMs;
      const due = waiting.filter((item) => item.destination === name && isDue(item));
      const [item] = due.sort((a, b) => a.next - b.next || a.index - b.index);
      if (item === undefined) continue;
      const running = attempt(item, destination)
        .catch(warn(`to ${name}`))
        .finally(() => {
          busy.delete(name);
          turn();
        });
      busy.set(name, running);
    }
  }

  function warn(what: string): (error: unknown) => void {
    return (error) => {
      const why = error instanceof Error ? error.message : String(error);
      if (!stop.signal.aborted) host.onWarning(`deliveries ${what}: ${why}`);
    };
  }

  return {
    take,
    async send(message) {
      readConfiguration();
      const to = enqueue(message);
      await kept();
      return to;
    },
    reached: () => reached,
    turn,
    async retry(name) {
      readConfiguration();
      const there = new Set(configured.map(({ setting }) => setting.name));
      const meant = ({ destination }: Item): boolean =>
        there.has(destination) && (name === undefined || destination === name);
      const again = dead.filter(meant);
      const now = host.now();
      dead = dead.filter((item) => !again.includes(item));
      waiting = [...waiting, ...again.map((item) => ({ ...item, attempts: 0, since: now, next: now }))];
      // Those that wait for their next try, too: a person who asks knows that it works again.
      waiting = waiting.map((item) => (meant(item) ? { ...item, next: Math.min(item.next, now) } : item));
      await save();
      turn();
      return waiting.filter(meant);
    },
    async settled(ids, waitMs) {
      const deadline = AbortSignal.any([stop.signal, AbortSignal.timeout(waitMs)]);
      const begun = host.now();
      const open = (): boolean => waiting.some(({ id, next }) => ids.has(id) && next <= begun);
      while (open() && !deadline.aborted) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    },
    states: () => configured.map(({ destination }) => stateOf(destination, waiting, dead)),
    state,
    async close() {
      stop.abort();
      let late: NodeJS.Timeout | undefined;
      const waited = new Promise<void>((resolve) => {
        late = setTimeout(resolve, LIMITS.deliveryCloseMs);
      });
      await Promise.race([Promise.allSettled(busy.values()), waited]);
      clearTimeout(late);
      await saving.catch(() => undefined);
    },
  };
}

const SETTLE_MS = 20;
const ERROR_CHARS = 500;

/** An item is replaced by a newer one of itself while it is under way. */
function isSame(one: Pick<Item, 'id' | 'destination'>, other: Pick<Item, 'id' | 'destination'>): boolean {
  return one.id === other.id && one.destination === other.destination;
}
