/** A change of secrets through the door that records it: closed, whatever holds for reading. No entry, no change. */
import { accessed, type Served, type Wanted } from '../../../capture/secrets/access.ts';
import type { OpenedSecrets } from '../../../open/secrets.ts';
import type { Context } from '../../context.ts';
import { type AccessOptions, openContextSecrets, wantedBy } from '../../secrets.ts';

export interface WriteOptions extends AccessOptions {
  /** The machine's own secrets, whatever manifest is here. */
  readonly global?: boolean;
  readonly json?: boolean;
}

/** As `openContextSecrets`; `--global` leaves the manifest out. */
export async function openForWriting(context: Context, options: WriteOptions): Promise<OpenedSecrets> {
  const opened = await openContextSecrets(context, options);
  if (options.global !== true) return opened;
  return { ...opened, manifest: undefined, project: undefined, profile: undefined };
}

export async function changed<T>(
  context: Context,
  opened: OpenedSecrets,
  options: WriteOptions,
  what: Pick<Wanted, 'operation' | 'key' | 'keys' | 'provider'>,
  body: () => Promise<Served<T>>,
): Promise<T> {
  const door = { ...opened.door, mode: 'closed' as const };
  return accessed(door, { ...what, ...wantedBy(context, opened, options) }, body);
}
