/**
 * Indexes the log of a state directory from nothing and prints what it took. In a process of its own, for its memory.
 *
 *     node bench/query-once.ts DIR
 */
import { join } from 'node:path';
import { indexPath } from '../src/open/index-place.ts';
import { bringUp } from '../src/open/indexing.ts';
import { locate } from '../src/paths.ts';
import type { Indexed } from './query.ts';

const directory = process.argv[2] ?? '';
const paths = locate({ env: { TALLY_HOME: directory }, home: directory, tmp: directory, uid: 0 });
const rssMiB = (): number => process.memoryUsage().rss / 2 ** 20;
let earlyRssMiB = 0;
const started = performance.now();
await bringUp({
  directory: join(directory, 'logs', 'local'),
  path: indexPath(paths),
  onProgress: (done, total) => {
    if (earlyRssMiB === 0 && done >= (total ?? done) / 10) earlyRssMiB = rssMiB();
  },
});
const seconds = (performance.now() - started) / 1000;
process.stdout.write(JSON.stringify({ seconds, earlyRssMiB, rssMiB: rssMiB() } satisfies Indexed));
