/**
 * `npm run bench` runs every benchmark and writes docs/benchmarks.md; `npm run bench -- NAME…` runs some and prints
 * them. Ratios are what counts: both sides run in turn in one process tree on one machine.
 */
import { writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<string> }>>> = {
  append: () => import('./append.ts'),
  decide: () => import('./decide.ts'),
  verify: () => import('./verify.ts'),
  proxy: () => import('./proxy.ts'),
};

const names = process.argv.slice(2);
for (const name of names) {
  if (!Object.hasOwn(BENCHES, name)) {
    process.stderr.write(`no benchmark is called ${name}; there are: ${Object.keys(BENCHES).join(', ')}\n`);
    process.exit(2);
  }
}

const sections: string[] = [];
for (const [name, load] of Object.entries(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  process.stderr.write(`running ${name} …\n`);
  const section = await (await load()).run();
  process.stdout.write(`${section}\n\n`);
  sections.push(section);
}

if (names.length === 0) {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`;
  const page = `# Benchmarks

Written by \`npm run bench\`. Absolute figures are of one machine on one day; the ratios are what to compare, because
both sides of each ran in turn in the same run.

Machine: ${machine}

${sections.join('\n\n')}
`;
  await writeFile(fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url)), page);
  process.stderr.write('wrote docs/benchmarks.md\n');
}
