/** Runs the Go programs of this folder. They use Debian's golang-golang-x-mod-dev, outside any module. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface GoProgram {
  /** Rejects with what the program wrote to stderr. */
  run(...args: readonly string[]): Promise<string>;
}

/** Builds one program and hands it to `use`. Fails, and says what to install, when it cannot: it is never skipped. */
export async function withGoProgram(name: string, use: (program: GoProgram) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tally-go-'));
  try {
    const source = fileURLToPath(new URL(`${name}/main.go`, import.meta.url));
    const binary = join(folder, name);
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      GOPATH: '/usr/share/gocode',
      GO111MODULE: 'off',
      GOCACHE: join(folder, 'cache'),
      CGO_ENABLED: '0',
    };
    try {
      await run('go', ['build', '-o', binary, source], { env });
    } catch (cause) {
      throw new Error('this test needs Go: apt-get install golang-go golang-golang-x-mod-dev', { cause });
    }
    await use({
      async run(...args) {
        const { stdout } = await run(binary, args);
        return stdout;
      },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
