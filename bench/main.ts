/**
 * `npm run bench` runs every benchmark and writes docs/benchmarks.md; `npm run bench -- NAME…` runs some and prints
 * them; `--entries N` for those on a log of any size. Ratios are what counts: both sides run in turn in one process tree on one machine.
 */
import { writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BENCHES: Readonly<Record<string, () => Promise<{ run(entries?: number): Promise<string> }>>> = {
  append: () => import('./append.ts'),
  decide: () => import('./decide.ts'),
  verify: () => import('./verify.ts'),
  start: () => import('./start.ts'),
  proxy: () => import('./proxy.ts'),
  tail: () => import('./tail.ts'),
  query: () => import('./query.ts'),
  secrets: () => import('./secrets.ts'),
  sdk: () => import('./sdk.ts'),
};
/** Too long to belong to every run, with a page of its own. */
const SCALE = 'scale';

const QUERY = 'query';

const { positionals: names, values } = parseArgs({
  allowPositionals: true,
  options: { entries: { type: 'string' } },
});
/** For benchmarks on one large log. */
const entries = values.entries === undefined ? undefined : Number(values.entries);
for (const name of names) {
  if (!Object.hasOwn(BENCHES, name) && name !== SCALE) {
    const known = [...Object.keys(BENCHES), SCALE].join(', ');
    process.stderr.write(`no benchmark is called ${name}; there are: ${known}\n`);
    process.exit(2);
  }
}

const sections: string[] = [];
for (const [name, load] of Object.entries(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  process.stderr.write(`running ${name} …\n`);
  const section = await (await load()).run(entries);
  process.stdout.write(`${section}\n\n`);
  sections.push(section);
}

async function writePage(name: string, title: string, text: string): Promise<void> {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`;
  await writeFile(
    fileURLToPath(new URL(`../docs/${name}`, import.meta.url)),
    `# ${title}\n\nMachine: ${machine}\n\n${text}\n`,
  );
  process.stderr.write(`wrote docs/${name}\n`);
}

if (names.length === 0) {
  await writePage(
    'benchmarks.md',
    'Benchmarks',
    `Written by \`npm run bench\`. Absolute figures are of one machine on one day; the ratios are what to compare, because
both sides of each ran in turn in the same run. A log of ten million entries: [scale.md](scale.md).

${sections.join('\n\n')}`,
  );
}
if (names.length === 1 && names[0] === QUERY && entries !== undefined) {
  await writePage(
    'query.md',
    'Asking a large log',
    `Written by \`npm run bench -- query --entries ${entries}\`.\n\n${sections.join('\n\n')}`,
  );
}
if (names.includes(SCALE)) {
  const section = await (await import('./scale.ts')).run(entries);
  process.stdout.write(`${section}\n\n`);
  await writePage(
    'scale.md',
    'A log of ten million entries',
    `Written by \`npm run bench -- scale\`.\n\n${section}`,
  );
}
