/** Where it is kept how far a collector has the entries. */
import { join } from 'node:path';
import { currentEpoch, logName } from '../../home.ts';
import type { Paths } from '../../paths.ts';
import { fileObjects } from '../../store/file/objects.ts';

/** Beside the logs: it is derived, and goes with none of them. */
export function positionsDirectory(paths: Paths): string {
  return join(paths.state, 'otlp');
}

export function positionObjects(paths: Paths): ReturnType<typeof fileObjects> {
  return fileObjects(join(positionsDirectory(paths), logName(currentEpoch(paths))));
}
