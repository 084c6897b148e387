/** Plays an example in a home of its own, and prints what it answers and what then stands in its log. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../bin/tally.js', import.meta.url));

/** `play` gives what is printed first; the log of what it played is then in `home`. */
export async function show(play: (home: string) => Promise<string>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'tally-example-'));
  try {
    process.stdout.write(`${await play(home)}\n`);
    for (const args of [
      ['log', 'runs'],
      ['log', 'list'],
      ['verify', '--completeness'],
    ])
      execFileSync(process.execPath, [PROGRAM, ...args], {
        env: { ...process.env, TALLY_HOME: home },
        stdio: 'inherit',
      });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
