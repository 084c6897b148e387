import { dirname, sep } from 'node:path';
import type { Install } from '../../open/hooks/installs.ts';

/** The install whose hooks fire in a directory: that of the nearest project above it, otherwise the user's. */
export function installFor(installs: readonly Install[], cwd: string | undefined): Install | undefined {
  const within = installs
    .filter(({ file }) => cwd !== undefined && isBelow(cwd, dirname(dirname(file))))
    .sort((a, b) => b.file.length - a.file.length);
  return within[0] ?? installs[0];
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
}
