import { vaultPrefix } from '../../../capture/secrets/providers/local.ts';
import { field, listAt, textAt } from '../../../core/query/fields.ts';
import { parseLine } from '../../../core/query/line.ts';
import { scanLines } from '../../../recorder/lines.ts';
import type { Context } from '../../context.ts';

/** What an access wrote, by its name in the vault: a secret of a project is kept under its project and profile. */
function vaultNamesIn(entry: Parameters<typeof textAt>[0]): readonly string[] {
  const key = textAt(entry, 'secret', 'key');
  const project = textAt(entry, 'project_id');
  const profile = textAt(entry, 'secret', 'profile');
  const imported = listAt(entry, 'metadata', 'names').filter((name) => typeof name === 'string');
  const prefix = project === undefined || profile === undefined ? '' : vaultPrefix({ project, profile });
  return [...(key === undefined ? [] : [key]), ...imported].map((name) => `${prefix}${name}`);
}

const MARK = '"type":"secret.access"';

/**
 * When each of `names` was last set, by the log: the vault keeps values, the log keeps history. Reads newest segments
 * first and stops when all are found. A name that was set elsewhere is not in the answer.
 */
export async function setTimes(
  context: Context,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const times = new Map<string, string>();
  if (names.size === 0) return times;
  const { reader } = await context.openReader();
  for (const { first } of (await reader.segments()).toReversed()) {
    const here = new Map<string, string>();
    await scanLines(reader, first, (line) => {
      const bytes = line.bytes.subarray(line.start, line.end);
      // A line without its newline may still be being written.
      if (!line.whole || !bytes.includes(MARK)) return true;
      const parsed = parseLine(bytes);
      if ('malformed' in parsed) return true;
      const { entry } = parsed;
      const ts = textAt(entry, 'ts');
      if (field(entry, 'secret', 'found') !== 'written' || ts === undefined) return true;
      for (const name of vaultNamesIn(entry)) if (names.has(name)) here.set(name, ts);
      return true;
    });
    for (const [key, ts] of here) if (!times.has(key)) times.set(key, ts);
    if (times.size === names.size) break;
  }
  return times;
}
