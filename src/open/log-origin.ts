/** Which log a directory holds, as far as it says so. */
import { parseLogInfo } from '../core/loginfo.ts';
import { fileObjects } from '../store/file/objects.ts';

/** Empty when `log.json` is not there or does not parse: such a log is still readable. */
export async function originOf(directory: string): Promise<string> {
  const bytes = await fileObjects(directory).get('log.json');
  if (bytes === undefined) return '';
  try {
    return parseLogInfo(bytes).origin;
  } catch {
    // Verification tells what is wrong with it; entries are read all the same.
    return '';
  }
}
