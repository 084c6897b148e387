/** A session of this machine's log, with what a first start makes and what the machine's configuration says. */

import type { SessionOptions } from '../open/options.ts';
import { openSession, type Session } from '../open.ts';
import type { Paths } from '../paths.ts';
import type { Client } from '../recorder/ops.ts';
import { loadConfig } from './config.ts';
import type { Output } from './output/stream.ts';
import { firstStartNote, setUp } from './setup.ts';

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
    ...options
  }: Partial<Omit<SessionOptions, 'paths' | 'client'>> & {
    readonly note?: boolean;
    /** Anchors are shown checkpoints as they become due, for as long as this session is the writer. */
    readonly background?: boolean;
  },
): Promise<Session> {
  const config = loadConfig(paths.configFile);
  const { first } = setUp(paths);
  const session = await openSession({
    paths,
    client,
    onWarning: warn,
    allowObserve: config.allow_observe,
    anchors: { settings: () => loadConfig(paths.configFile), background },
    ...(config.payloads === undefined ? {} : { payloads: config.payloads }),
    ...options,
  });
  // A program reads our standard error too; it is told only by the commands that start the recorder.
  if (first && note && stderr.isTTY) firstStartNote({ paths, stderr });
  return session;
}
