import { TallyError } from '../../core/error.ts';
import type { LogFilter } from '../../core/query/filter.ts';
import type { Context } from '../context.ts';

export async function exportBundle(
  _context: Context,
  directory: string,
  _filter: LogFilter,
  _options: unknown,
): Promise<void> {
  throw new TallyError('USAGE', `not there yet: ${directory}`);
}
