import { isTallyError } from '../../../core/error.ts';
import { readError } from '../../../store/file/fs.ts';

/** One thing that `tally doctor` looked at. `fail` needs mending, `warn` is worth knowing, `skip` could not be looked at. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail' | 'skip';
  readonly detail: string;
  /** The command that mends it. */
  readonly mend?: string;
}

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail };
}

export function skip(name: string, detail: string): Check {
  return { name, status: 'skip', detail };
}

export function warn(name: string, detail: string, mend: string): Check {
  return { name, status: 'warn', detail, mend };
}

export function fail(name: string, detail: string, mend: string): Check {
  return { name, status: 'fail', detail, mend };
}

/**
 * What keeps one thing from being looked at is told in its place, and the others are looked at all the same. `otherwise`:
 * where something else that cannot be read stood in the way, another check fails for it.
 */
export async function looked(
  name: string,
  look: () => Check | Promise<Check>,
  otherwise: 'fail' | 'skip' = 'fail',
): Promise<Check> {
  try {
    return await look();
  } catch (thrown) {
    const error = isOfSystem(thrown) ? readError(thrown, 'it cannot be looked at') : thrown;
    if (!isTallyError(error)) throw error;
    if (otherwise === 'skip') return skip(name, `nobody can tell: ${error.message}`);
    return fail(name, error.message, error.hint ?? 'tally verify');
  }
}

const isOfSystem = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

/** In single quotes for a shell, whatever a path holds. */
export function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
