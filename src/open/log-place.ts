/** Where the log lies, when the machine's own configuration says it: `audit.path`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Paths } from '../paths.ts';

/** Cheap to ask of a file, and never wrong in the direction that counts: without the word there is no such setting. */
const MAY_SAY = /path/;

/**
 * The same paths, with the logs where the configuration puts them. A configuration that cannot be read fails whoever
 * needs the log, with BAD_CONFIG, and nobody else.
 */
export async function withLogPlace(paths: Paths, home: string): Promise<Paths> {
  let logs: string;
  try {
    if (!existsSync(paths.configFile) || !maySay(paths.configFile)) return paths;
    const { loadConfig } = await import('./config.ts');
    const { auditPath } = loadConfig(paths.configFile);
    if (auditPath === undefined) return paths;
    logs = auditPath.startsWith('~/') ? join(home, auditPath.slice(2)) : auditPath;
  } catch (error) {
    return Object.defineProperty({ ...paths }, 'logs', {
      enumerable: true,
      get() {
        throw error;
      },
    });
  }
  return { ...paths, logs };
}

/** What cannot be read may say it, too: the reader of configurations tells what keeps it from that. */
function maySay(path: string): boolean {
  try {
    return MAY_SAY.test(readFileSync(path, 'utf8'));
  } catch {
    return true;
  }
}
