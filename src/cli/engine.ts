/** What a process that lives long asks of the JavaScript engine. */
import { setFlagsFromString } from 'node:v8';

/**
 * V8 puts objects that lived through an early collection straight among the old ones from then on. Of calls that wait
 * for a disk and an upstream many do, and with them what they hold is kept until the next full collection: that took a
 * quarter of the time of a broker under load. Read at every collection, so it takes effect at any time.
 */
export function forManyCalls(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
