/** A witness in a process of its own, to be killed: node killed.ts DIR. Prints its address. */

import { serveWitness } from '../../../src/server/witness/serve.ts';
import { createWitness } from '../../../src/server/witness/witness.ts';
import { tryLock } from '../../../src/store/file/lock.ts';
import { fileObjects } from '../../../src/store/file/objects.ts';
import { makeCosigner } from '../../support/witness.ts';

const directory = process.argv[2] ?? '';
if (tryLock(`${directory}/lock.sqlite`) === undefined) throw new Error('another witness runs here');
const witness = createWitness({
  files: fileObjects(directory),
  cosigner: makeCosigner(),
  now: Date.now,
  onEvent: (event) => {
    if (event.kind === 'failure') process.stderr.write(`${String(event.error)}\n`);
  },
});
const { url } = await serveWitness({
  witness,
  host: '127.0.0.1',
  port: 0,
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
process.stdout.write(`${url}\n`);
