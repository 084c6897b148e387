/**
 * The alerts of this machine's log: the rules beside the recorder, the destinations of the configuration, and what is
 * known of the machine. Nothing of it is on the way of a recording.
 */
import { statfs } from 'node:fs/promises';
import type { Vault } from '../capture/secrets/vault.ts';
import { SEVERITIES } from '../core/alert/rule.ts';
import type { AlertState, AlertTest } from '../core/alert/state.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Paths } from '../paths.ts';
import { openReader } from '../reader.ts';
import type { AlertsPort } from '../recorder/alerts.ts';
import { actorOf, said } from '../recorder/asked.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import { createDeliveries, type Deliveries, type DeliveryWords } from '../sink/deliveries.ts';
import { loadOutbox, saveOutbox } from '../sink/outbox.ts';
import { createStderr } from '../sink/stderr.ts';
import { startProbes } from './alerts/probes.ts';
import { alertObjects, alertsDirectory, messageAt, openAlerts as readOpenAlerts } from './alerts/read.ts';
import { type RulesThread, startRules } from './alerts/thread.ts';
import { destinationOpener, givingUp } from './delivering.ts';
import type { AlertOptions } from './options.ts';

const PRODUCER = { surface: 'server', assurance: 'enforced' } as const;

const WORDS: DeliveryWords = {
  one: 'an alert',
  many: 'alerts',
  givenUp: (destination) => `it is kept: tally alerts retry ${destination}`,
};

export interface OpenedAlerts extends AlertsPort {
  /** What is derived and not delivered yet stays where the next start finds it. */
  close(): Promise<void>;
}

export async function openAlertService(options: {
  readonly paths: Paths;
  readonly alerts: AlertOptions;
  readonly recorder: LocalRecorder;
  readonly vault: Vault;
  readonly onWarning: (line: string) => void;
}): Promise<OpenedAlerts> {
  const { paths, alerts, recorder, vault, onWarning } = options;
  const { reader, directory } = openReader(paths);
  const objects = alertObjects(paths);
  const { origin } = recorder;
  const own = alerts.write === undefined ? undefined : createStderr(alerts.write);
  let follower: RulesThread | undefined;
  let probes: ReturnType<typeof startProbes> | undefined;
  let opened: Promise<Deliveries> | undefined;

  const destinationOf = destinationOpener(vault, Date.now);

  async function openDeliveries(): Promise<{ readonly deliveries: Deliveries; readonly lost: boolean }> {
    const loaded = await loadOutbox(objects);
    // Of a log that was longer: whoever brought back an older one is told of what is open in it.
    const stored = loaded !== undefined && loaded.reached <= recorder.size() ? loaded : undefined;
    const state = stored ?? { format: 1, reached: 0, waiting: [], dead: [] };
    const deliveries = createDeliveries(
      {
        words: WORDS,
        destinations: () =>
          alerts.settings().destinations.map((setting) => ({ setting, destination: destinationOf(setting) })),
        message: (index) => messageAt(reader, origin, index),
        save: (next) => saveOutbox(objects, next),
        // `alert` says whose delivery it was: no rule looks at it.
        gaveUp: givingUp(recorder, 'alert'),
        now: Date.now,
        random: Math.random,
        onWarning,
      },
      stored === undefined ? { ...state, reached: recorder.size() } : state,
    );
    return { deliveries, lost: stored === undefined };
  }

  /** Outside of the background only when something is asked of them. */
  function deliveries(): Promise<Deliveries> {
    opened ??= openDeliveries().then((found) => found.deliveries);
    return opened;
  }

  async function test(
    name: string | undefined,
    client: Parameters<AlertsPort['test']>[1],
  ): Promise<readonly AlertTest[]> {
    const known = [
      ...alerts.settings().destinations.map((one) => one.name),
      ...(own === undefined ? [] : [own.name]),
    ];
    requireKnown(name, known);
    const { id, index, ts } = await recorder.record(
      {
        type: 'alert.raise',
        phase: 'point',
        actor: actorOf(client),
        quality: said(client),
        metadata: {
          rule: 'test',
          kind: 'test',
          severity: 'critical',
          subject: 'a test',
          message: 'somebody asked for this to see whether alerts arrive; nothing happened',
          key: 'test',
          at: new Date(recorder.now()).toISOString(),
          evidence: [],
          test: true,
          ...(name === undefined ? {} : { destinations: [name] }),
        },
      },
      PRODUCER,
    );
    const message = await messageAt(reader, origin, index);
    if (message === undefined)
      throw new TallyError('INTERNAL', `entry ${index} of ${ts} cannot be read back`);
    const told: AlertTest[] = [];
    if (own !== undefined && (name === undefined || name === own.name)) {
      await own.deliver(message, AbortSignal.timeout(LIMITS.alertTestMs));
      told.push({ destination: own.name, outcome: 'delivered' });
    }
    const sender = await deliveries();
    const to = await sender.send(message);
    await sender.settled(new Set([id]), LIMITS.alertTestMs);
    for (const destination of to) told.push(endOf(sender, { id, destination }));
    return told;
  }

  function state(sender: Deliveries | undefined): AlertState | undefined {
    if (follower === undefined || sender === undefined) return undefined;
    const open = follower.open();
    const newest = open
      .toSorted(
        (a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) || b.index - a.index,
      )
      .slice(0, LIMITS.openAlertsTold)
      .map(({ id, index, rule, severity, subject, message, at }) => ({
        id,
        index,
        rule,
        severity,
        subject,
        message,
        at,
      }));
    return {
      watching: follower.watching(),
      behind: follower.behind(),
      open: open.length,
      newest,
      destinations: sender.states(),
    };
  }

  let sender: Deliveries | undefined;
  if (alerts.background && alerts.settings().enabled) {
    const found = await openDeliveries();
    sender = found.deliveries;
    opened = Promise.resolve(sender);
    await saveOutbox(objects, sender.state());
    follower = startRules({
      directory,
      state: alertsDirectory(paths),
      recorder,
      deliveries: sender,
      resend: found.lost,
      onAlert: (message) => void own?.deliver(message, AbortSignal.timeout(LIMITS.alertTestMs)),
      onWarning,
    });
    const following = follower;
    probes = startProbes({
      rules: following.rules,
      signal: following.signal,
      freeBytes: async () => {
        const { bavail, bsize } = await statfs(directory);
        return bavail * bsize;
      },
      verify: alerts.verify,
      drift: alerts.drift,
      verified: following.verified,
      now: Date.now,
      onWarning,
    });
  }
  const turns = sender === undefined ? undefined : setInterval(() => sender?.turn(), LIMITS.alertDiskMs / 60);
  turns?.unref();

  return {
    open: async () => follower?.open() ?? readOpenAlerts(paths),
    state: () => state(sender),
    test,
    async retry(name) {
      requireKnown(
        name,
        alerts.settings().destinations.map((one) => one.name),
      );
      const from = await deliveries();
      const tried = await from.retry(name);
      await from.settled(new Set(tried.map(({ id }) => id)), LIMITS.alertTestMs);
      return tried.map((item) => endOf(from, item));
    },
    async close() {
      clearInterval(turns);
      await probes?.close();
      await follower?.close();
      await (await opened)?.close();
    },
  };
}

function requireKnown(name: string | undefined, known: readonly string[]): void {
  if (name === undefined || known.includes(name)) return;
  throw new TallyError('NOT_FOUND', `no destination is called ${name}`, {
    hint:
      known.length === 0 ? 'none is configured: docs/alerts.md shows how' : `there are: ${known.join(', ')}`,
  });
}

/** What came of one message at one destination. */
function endOf(
  deliveries: Deliveries,
  { id, destination }: { readonly id: string; readonly destination: string },
): AlertTest {
  const { waiting, dead } = deliveries.state();
  const item = [...waiting, ...dead].find((one) => one.id === id && one.destination === destination);
  if (item === undefined) return { destination, outcome: 'delivered' };
  return item.error === undefined
    ? { destination, outcome: 'waiting' }
    : { destination, outcome: 'failed', message: item.error };
}
