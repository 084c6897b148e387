/** A session of this machine's log, with what a first start makes and what the machine's configuration says. */

import { machineConfig } from '../open/machine.ts';
import type { AlertOptions, SessionOptions } from '../open/options.ts';
import { openSession, type Session } from '../open.ts';
import type { Paths } from '../paths.ts';
import type { Client } from '../recorder/ops.ts';
import { firstStartNote, isFirst, isSetUp } from './first-start.ts';
import type { Output } from './output/stream.ts';

export async function openConfiguredSession(
  {
    paths,
    stderr,
    warn,
  }: { readonly paths: Paths; readonly stderr: Output; readonly warn: (line: string) => void },
  client: Client,
  {
    note = true,
    background = false,
    alertsWith = {},
    ...options
  }: Partial<Omit<SessionOptions, 'paths' | 'client'>> & {
    readonly note?: boolean;
    /** Anchors are shown checkpoints as they become due, and alerts are looked for, for as long as this session is the writer. */
    readonly background?: boolean;
    /** What only a long-lived writer has for alerts. */
    readonly alertsWith?: Pick<AlertOptions, 'write' | 'verify' | 'drift'>;
  },
): Promise<Session> {
  const config = await machineConfig(paths.configFile);
  const first = isFirst(paths);
  if (!isSetUp(paths)) (await import('./setup.ts')).setUp(paths);
  const session = await openSession({
    paths,
    client,
    onWarning: warn,
    allowObserve: config.allow_observe,
    ...(options.brief === true ? {} : await lasting(paths, background, alertsWith)),
    ...(config.redactFields === undefined ? {} : { redactFields: config.redactFields }),
    ...(config.payloads === undefined ? {} : { payloads: config.payloads }),
    ...options,
  });
  // A program reads our standard error too; it is told only by the commands that start the recorder.
  if (first && note && stderr.isTTY) firstStartNote({ paths, stderr });
  return session;
}

/** What is read anew whenever it is asked, by a recorder that may live for long. */
async function lasting(
  { configFile }: Paths,
  background: boolean,
  alertsWith: Pick<AlertOptions, 'write' | 'verify' | 'drift'>,
): Promise<Pick<SessionOptions, 'anchors' | 'alerts' | 'otlp' | 'retention'>> {
  const [{ loadConfig }, { NO_DESTINATIONS }] = await Promise.all([
    import('../open/config.ts'),
    import('../sink/setting.ts'),
  ]);
  return {
    anchors: { settings: () => loadConfig(configFile), background },
    alerts: { settings: () => loadConfig(configFile).alerts ?? NO_DESTINATIONS, background, ...alertsWith },
    // Only by who stays: each of many short commands would begin where the one before was cut off.
    ...(background ? { otlp: { forward: () => loadConfig(configFile).otlpForward } } : {}),
    retention: { settings: () => loadConfig(configFile).retention ?? {}, background },
  };
}
