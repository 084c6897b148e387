/** Plants a bug into a copy of the tree and runs the tests that have to find it. */
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['src', 'test', 'scripts', 'spec', 'package.json', 'tsconfig.json'];
/** The tests named with the mutants take seconds; one that hangs because of the bug has found it too. */
const HANGS_AFTER_MS = 60_000;

export async function copyTree(to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of COPIED) await cp(join(ROOT, name), join(to, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(to, 'node_modules'));
}

export type Found =
  /** `by`: the tests that failed. */
  { readonly found: true; readonly by: readonly string[] } | { readonly found: false; readonly why: string };

/** Leaves the copy as it was. Throws when the text to be replaced does not stand in its file exactly once. */
export async function plant(tree: string, mutant: Mutant): Promise<Found> {
  const { file, from, to } = mutant;
  const path = join(tree, file);
  const text = await readFile(path, 'utf8');
  const count = text.split(from).length - 1;
  if (count !== 1)
    throw new Error(
      `${file} holds ${JSON.stringify(from)} ${count} times: the code moved, and the mutant has to follow`,
    );
  await writeFile(
    path,
    text.replace(from, () => to),
  );
  try {
    return judge(await runTests(tree, mutant));
  } finally {
    await writeFile(path, text);
  }
}

interface Run {
  readonly code: number | null;
  readonly hung: boolean;
  readonly output: string;
}

/** A bug that keeps the files from loading is no test of the tests. */
export function judge({ code, hung, output }: Run): Found {
  if (hung) return { found: true, by: ['it hangs'] };
  if (code === 0) return { found: false, why: 'every test passes' };
  // A file that does not load fails under its own name, and no test in it.
  const failed = [...output.matchAll(/^ *not ok \d+ - (.*)$/gm)]
    .map(([, name = '']) => name)
    .filter((name) => !name.endsWith('.test.ts'));
  if (failed.length === 0) return { found: false, why: `the tests did not run: ${output.slice(-2_000)}` };
  return { found: true, by: failed };
}

/** The tests of `mutant` in `tree` as it is. */
export async function runTests(
  tree: string,
  { tests, named }: Pick<Mutant, 'tests' | 'named'>,
): Promise<Run> {
  const only = named === undefined ? [] : [`--test-name-pattern=${named}`];
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...only, ...tests], {
    cwd: tree,
    // Node runs files differently when it thinks that a test runner has started it.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NODE_TEST_CONTEXT')),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  let hung = false;
  const bound = setTimeout(() => {
    hung = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, HANGS_AFTER_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(bound);
  return { code, hung, output };
}

/** Every mutant, some side by side, each worker with a copy of its own. */
export async function plantAll(
  folder: string,
  mutants: readonly Mutant[],
  jobs: number,
  onResult: (mutant: Mutant, found: Found) => void,
): Promise<void> {
  const waiting = [...mutants];
  await Promise.all(
    Array.from({ length: jobs }, async (_, i) => {
      const tree = join(folder, `tree-${i}`);
      await copyTree(tree);
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        onResult(
          next,
          await plant(tree, next).catch((error: unknown) => ({ found: false, why: String(error) })),
        );
      await rm(tree, { recursive: true });
    }),
  );
}
