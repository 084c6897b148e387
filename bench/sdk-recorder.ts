/** A recorder in a process of its own, for as long as its standard input is open. */
import { openSession } from '../src/open.ts';
import { locate } from '../src/paths.ts';

const paths = locate({ env: process.env, home: '', tmp: '/tmp', uid: process.getuid?.() ?? 0 });
const session = await openSession({
  paths,
  client: { surface: 'cli' },
  onWarning: (line) => process.stderr.write(`${line}\n`),
  require: 'writer',
});
process.stdout.write('ready\n');
process.stdin.resume().once('end', () => void session.close());
