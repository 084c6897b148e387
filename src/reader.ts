/** Opens a log for reading: no lock, no recorder, none of what they load. */
import { join } from 'node:path';
import { TallyError } from './core/error.ts';
import { type LogInfo, parseLogInfo } from './core/loginfo.ts';
import type { LogReader, ObjectStore, PackReader } from './core/ports.ts';
import { currentEpoch, isBegun, logName, logsNear, notBegun, refuseWiped } from './home.ts';
import type { Paths } from './paths.ts';
import { fileObjects } from './store/file/objects.ts';
import { filePackReader } from './store/file/packs.ts';
import { fileReader } from './store/file/reader.ts';

export interface OpenedReader {
  readonly directory: string;
  readonly name: string;
  /** Where the logs of this machine lie, whichever was opened. */
  readonly logs: string;
  readonly reader: LogReader;
  logInfo(): Promise<LogInfo>;
  readonly heads: ObjectStore;
  readonly packs: PackReader;
}

/** For somebody who named a directory: most often the one above. */
function whereLogsAre(directory: string): string {
  const [first, ...others] = logsNear(directory);
  if (first === undefined)
    return 'name a directory that holds log.json, what `tally log publish` wrote, or a bundle of `tally log export`';
  return others.length === 0
    ? `there is one in ${first}`
    : `there is one in ${first}, and ${others.length} more beside it`;
}

/** Reads raw files without a lock. `log`: a log directory anywhere, the current log of this machine otherwise. */
export function openReader(paths: Paths, options: { readonly log?: string } = {}): OpenedReader {
  const epoch = currentEpoch(paths);
  const name = logName(epoch);
  const directory = options.log ?? join(paths.logs, name);
  const reader = fileReader(directory);
  const heads = fileObjects(paths.heads);
  return {
    directory,
    name,
    logs: paths.logs,
    reader,
    heads,
    packs: filePackReader(directory),
    async logInfo() {
      const bytes = await reader.objects.get('log.json');
      if (options.log === undefined) {
        if (bytes === undefined) await refuseWiped(reader, heads, name);
        if (!(await isBegun(heads, epoch))) throw notBegun(paths, epoch);
      }
      if (bytes !== undefined) return parseLogInfo(bytes);
      throw new TallyError('LOG_MISSING', `there is no log in ${directory}`, {
        hint:
          options.log === undefined
            ? 'record something first (`tally up`, `tally demo`)'
            : whereLogsAre(directory),
      });
    },
  };
}
