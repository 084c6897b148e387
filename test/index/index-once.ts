/** Indexes the log of a state directory: a process for tests to kill. */
import { openQuery } from '../../src/open/query.ts';
import { locate } from '../../src/paths.ts';

const state = process.argv[2] ?? '';
const paths = locate({ env: { TALLY_HOME: state }, home: state, tmp: state, uid: 0 });
const opened = await openQuery(paths, { onWarning: () => undefined });
await opened.close();
