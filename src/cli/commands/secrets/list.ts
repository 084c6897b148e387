import { join } from 'node:path';
import { openVault } from '../../../capture/secrets/vault.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Context } from '../../context.ts';
import { toJson } from '../../output/safe.ts';
import { layOut } from '../../output/table.ts';
import { formatTime } from '../../output/time.ts';
import { setTimes } from './times.ts';

export interface ListOptions {
  readonly json?: boolean;
  readonly utc?: boolean;
}

/** Reads only: neither the vault nor the log is written, and no value is shown. */
export async function list(context: Context, options: ListOptions): Promise<void> {
  const { paths, stdout, stderr } = context;
  const vault = openVault({
    path: join(paths.vault, 'secrets.vault'),
    key: { path: join(paths.keys, 'vault.key') },
  });
  const found = vault.entries().map(({ name, value }) => {
    const length = lengthClass(value.length);
    value.fill(0);
    return { name, length };
  });
  vault.close();
  const times = await setTimes(context, new Set(found.map(({ name }) => name)));
  const rows = found
    .map(({ name, length }) => ({ key: name, set_at: times.get(name), length }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  if (options.json === true) {
    await stdout.line(toJson({ secrets: rows }));
    return;
  }
  if (rows.length === 0) {
    await stderr.line('No secret is stored. Store one: tally secrets set NAME');
    return;
  }
  const cells = rows.map(({ key, set_at, length }) => [
    { text: key },
    {
      text:
        set_at === undefined
          ? 'not in this log'
          : formatTime(set_at, { utc: options.utc === true }).slice(0, 19),
    },
    { text: length },
  ]);
  const columns = [{ header: 'KEY', shrinkTo: 12 }, { header: 'SET' }, { header: 'LENGTH', optional: 1 }];
  const layout = layOut(columns, cells, stdout.width);
  await stdout.line(layout.header(stdout.style.dim));
  for (const row of cells) await stdout.line(layout.row(row));
}

/** Enough to see an empty or cut-off value, too little to help a guess. */
export function lengthClass(bytes: number): string {
  if (bytes < LIMITS.secretMinBytes) return `under ${LIMITS.secretMinBytes} bytes: too short to be redacted`;
  if (bytes < 16) return `${LIMITS.secretMinBytes} to 15 bytes`;
  if (bytes < 64) return '16 to 63 bytes';
  return bytes < 1024 ? '64 to 1023 bytes' : '1024 bytes or more';
}
