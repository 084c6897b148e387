/** The real command in a real terminal (tmux), and what it showed. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../bin/tally.js', import.meta.url));
/** Most lines that are kept: more is no screen. */
const ROWS = 120;
const PATIENCE_MS = 60_000;
const LOOK_MS = 100;

export interface Terminal {
  /** What `tally ARGS` shows on a terminal of so many columns, with its colours. */
  show(args: readonly string[], columns: number): Promise<string>;
  close(): Promise<void>;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Throws when there is no tmux. `name`: of the tmux server, which is ours alone. */
export function openTerminal(name: string, env: Readonly<Record<string, string>>): Terminal {
  const tmux = async (...args: readonly string[]): Promise<string> =>
    (await run('tmux', ['-L', name, '-f', '/dev/null', ...args], { maxBuffer: 1 << 22 })).stdout;
  const settings = Object.entries(env).map(([key, value]) => `${key}=${quoted(value)}`);
  let shown = 0;

  return {
    async show(args, columns) {
      const session = `s${shown++}`;
      const done = `done${session}`;
      const command = [process.execPath, PROGRAM, ...args].map(quoted).join(' ');
      const line = `env -i ${settings.join(' ')} TERM=screen ${command}; tmux -L ${name} wait-for -S ${done}; sleep 600`;
      await tmux('new-session', '-d', '-s', session, '-x', String(columns), '-y', String(ROWS), line);
      await Promise.race([
        tmux('wait-for', done),
        new Promise((_, reject) =>
          setTimeout(() => reject(new Error(`${args.join(' ')} did not end`)), PATIENCE_MS).unref(),
        ),
      ]);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const text = await tmux('capture-pane', '-p', '-e', '-t', session);
      await tmux('kill-session', '-t', session);
      return text.replace(/\s+$/, '\n');
    },
    async close() {
      await tmux('kill-server').catch(() => undefined);
    },
  };
}
