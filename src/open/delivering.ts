/** What alerts and requests for approval share on their way out: destinations kept open, and what is said of lost ones. */
import type { Vault } from '../capture/secrets/vault.ts';
import { LIMITS } from '../core/limits.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import type { Destination } from '../sink/driver.ts';
import type { Item } from '../sink/outbox.ts';
import type { DestinationSetting } from '../sink/setting.ts';
import { createSlack } from '../sink/slack.ts';
import { createWebhook } from '../sink/webhook.ts';

const PRODUCER = { surface: 'server', assurance: 'enforced' } as const;

/** Each setting's destination, opened once and again when the setting changes. */
export function destinationOpener(
  vault: Pick<Vault, 'get'>,
  now: () => number,
): (setting: DestinationSetting) => Destination {
  const made = new Map<string, { readonly key: string; readonly destination: Destination }>();
  return (setting) => {
    const key = JSON.stringify(setting);
    const known = made.get(setting.name);
    if (known?.key === key) return known.destination;
    const world = { read: (name: string) => vault.get(name)?.value, now };
    const destination =
      setting.type === 'webhook' ? createWebhook(setting, world) : createSlack(setting, world);
    made.set(setting.name, { key, destination });
    return destination;
  };
}

/** Records what was given up; resolves when that is durable. `what` names whose delivery it was. */
export function givingUp(
  recorder: Pick<LocalRecorder, 'record'>,
  what: 'alert' | 'approval',
): (item: Item) => Promise<void> {
  return async ({ id, index, destination, attempts, error }) => {
    const metadata = {
      sink: destination,
      [what]: id,
      index,
      attempts,
      reason: (error ?? '').slice(0, LIMITS.reasonBytes),
    };
    await recorder.record(
      { type: 'sink.fail', phase: 'point', outcome: { status: 'error' }, metadata },
      PRODUCER,
    );
  };
}
