/**
 * Plants the bugs of test/mutants one after the other and says which tests find each. First it runs all those tests without
 * a bug, in a copy of the tree as well: then they have to pass.
 *
 *   node scripts/mutants.ts [--only TEXT] [--jobs N]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MUTANTS } from '../test/mutants/mutants.ts';
import { copyTree, judge, plantAll, runTests } from '../test/mutants/plant.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: String(cpus().length) },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'tally-mutants-'));
const wanted = MUTANTS.filter(({ name, file }) => `${name} ${file}`.includes(values.only));
let found = 0;
try {
  const pristine = join(folder, 'pristine');
  await copyTree(pristine);
  const clean = judge(
    await runTests(pristine, { tests: [...new Set(wanted.flatMap(({ tests }) => tests))] }),
  );
  if (clean.found || clean.why !== 'every test passes')
    throw new Error(`without a bug: ${JSON.stringify(clean)}`);
  await plantAll(folder, wanted, Math.max(1, Number(values.jobs)), ({ name, file }, result) => {
    if (result.found) found++;
    const what = result.found ? result.by.map((test) => `\n    ${test}`).join('') : `\n    ${result.why}`;
    process.stdout.write(`${result.found ? '✔' : '✖'} ${name} (${file})${what}\n`);
  });
  process.stdout.write(`${wanted.length} planted, ${found} found\n`);
  if (found < wanted.length || found === 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
