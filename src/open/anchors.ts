/** The anchors of this machine's log: what is configured, its drivers, and the runner beside the recorder. */
import type { AnchorDriver } from '../anchor/driver.ts';
import { makeDriver } from '../anchor/drivers.ts';
import type { ConfiguredAnchor } from '../anchor/lane.ts';
import { type AnchorRunner, createAnchorRunner } from '../anchor/runner.ts';
import { type AnchorSetting, everyMs } from '../anchor/setting.ts';
import type { Vault } from '../capture/secrets/vault.ts';
import { isTallyError } from '../core/error.ts';
import type { Paths } from '../paths.ts';
import { openReader } from '../reader.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import { fileObjects } from '../store/file/objects.ts';
import { lastReceipt } from './last-receipt.ts';
import { random } from './lock.ts';
import type { AnchorOptions } from './options.ts';

export function openAnchors(options: {
  readonly paths: Paths;
  readonly anchors: AnchorOptions;
  readonly recorder: LocalRecorder;
  readonly vault: Vault;
  readonly onWarning: (line: string) => void;
}): AnchorRunner {
  const { paths, recorder, vault } = options;
  const { directory, reader, logInfo } = openReader(paths);
  const made = new Map<string, ConfiguredAnchor>();

  async function configured(setting: AnchorSetting): Promise<ConfiguredAnchor> {
    const key = JSON.stringify(setting);
    const known = made.get(setting.name);
    if (known?.key === key) return known;
    const anchor = { driver: await driverOf(setting), everyMs: everyMs(setting), key };
    made.set(setting.name, anchor);
    return anchor;
  }

  async function driverOf(setting: AnchorSetting): Promise<AnchorDriver> {
    try {
      return await makeDriver(setting, {
        now: Date.now,
        random,
        env: process.env,
        secret: (name) => vault.get(name)?.value,
        warn: options.onWarning,
        lastSize: async (name) => (await lastReceipt(directory, name))?.size,
        // For a hint only: a log.json that cannot be read is told elsewhere.
        logVkey: async () => (await logInfo().catch(() => undefined))?.keys.at(-1)?.vkey,
      });
    } catch (error) {
      if (!isTallyError(error)) throw error;
      // One that cannot be made shows as failing, and the others go on.
      return { name: setting.name, type: setting.type, anchor: () => Promise.reject(error) };
    }
  }

  const runner = createAnchorRunner({
    reader,
    objects: fileObjects(directory),
    signed: recorder.signed,
    checkpoint: () => recorder.checkpoint(),
    async record(type, metadata) {
      const status = type === 'anchor.ok' ? 'ok' : 'error';
      const { index } = await recorder.record(
        { type, phase: 'point', outcome: { status }, metadata },
        { surface: 'server', assurance: 'enforced' },
      );
      return index;
    },
    lastReceipt: (name) => lastReceipt(directory, name),
    anchors: () => Promise.all(options.anchors.settings().anchors.map(configured)),
    now: Date.now,
    onWarning: options.onWarning,
  });
  if (options.anchors.background) runner.start();
  return runner;
}
