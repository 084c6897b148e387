/** From one anchor of the configuration to its driver. Each is loaded when it is first configured, and not before. */
import { invariant } from '../core/error.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { AnchorDriver } from './driver.ts';
import type { AnchorSetting } from './setting.ts';

export interface DriverWorld {
  readonly now: Clock;
  readonly random: Random;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From the vault; undefined when there is none of that name. */
  secret(name: string): Uint8Array | undefined;
  /** Something that the person who runs the recorder should know; nothing fails. */
  warn(line: string): void;
  /** Size of the newest receipt of that anchor. */
  lastSize(name: string): Promise<number | undefined>;
  /** The key that signs the log now; undefined when its description cannot be read. */
  logVkey?(): Promise<string | undefined>;
}

/** Throws KEY_MALFORMED or BAD_CONFIG for a setting that the schema could not see through. */
export async function makeDriver(setting: AnchorSetting, world: DriverWorld): Promise<AnchorDriver> {
  const { name } = setting;
  switch (setting.type) {
    case 'rfc3161': {
      const { createTimeStampAnchor } = await import('./rfc3161/driver.ts');
      return createTimeStampAnchor({
        name,
        url: setting.url,
        random: world.random,
        ...(setting.ca === undefined ? {} : { ca: setting.ca }),
      });
    }
    case 'witness': {
      const { createWitnessAnchor } = await import('./witness.ts');
      return createWitnessAnchor({
        ...setting,
        now: world.now,
        lastSize: () => world.lastSize(name),
        onForgot: world.warn,
        logVkey: async () => world.logVkey?.(),
      });
    }
    case 'git': {
      const { createGitAnchor } = await import('./git/driver.ts');
      return createGitAnchor({
        name,
        path: setting.path,
        env: world.env,
        ...(setting.remote === undefined ? {} : { remote: setting.remote }),
        ...(setting.branch === undefined ? {} : { branch: setting.branch }),
      });
    }
    case 'file': {
      const { createFileAnchor } = await import('./file.ts');
      return createFileAnchor(setting);
    }
    case 'webhook': {
      const { createWebhookAnchor } = await import('./webhook.ts');
      const { secret } = setting;
      return createWebhookAnchor({
        name,
        url: setting.url,
        now: world.now,
        ...(secret === undefined ? {} : { secret: { name: secret, read: () => world.secret(secret) } }),
      });
    }
    default:
      setting satisfies never;
      invariant(false, 'every type of anchor has a driver');
  }
}
