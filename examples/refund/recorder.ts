/** A recorder of its own for the story: `tally up` in a directory that is removed afterwards. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TALLY = join(ROOT, 'bin', 'tally.js');

export interface Recorder {
  /** `http://127.0.0.1:PORT/v1` */
  readonly api: string;
  /** A command of the operator. Throws unless it ends with one of `codes`. */
  tally(args: readonly string[], codes?: readonly number[]): string;
  close(): Promise<void>;
}

export async function startRecorder(): Promise<Recorder> {
  if (!existsSync(join(ROOT, 'dist', 'cli', 'main.js'))) throw new Error('build it first: npm run build');
  const home = mkdtempSync(join(tmpdir(), 'tally-refund-'));
  // Nothing of the shell that this runs in: a recorder of a story shares nothing with a real one.
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    TALLY_HOME: home,
    XDG_RUNTIME_DIR: join(home, 'r'),
    TALLY_UI_PORT: '0',
    NO_COLOR: '1',
  };

  function tally(args: readonly string[], codes: readonly number[] = [0]): string {
    const { status, stdout, stderr } = spawnSync(process.execPath, [TALLY, ...args], {
      env,
      encoding: 'utf8',
    });
    if (!codes.includes(status ?? -1)) throw new Error(`tally ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  tally(['init', '--json']);
  mkdirSync(join(home, 'config'), { recursive: true });
  const policy = JSON.parse(tally(['policy', 'check', '--json'])) as { readonly file: string };
  copyFileSync(fileURLToPath(new URL('policy.yaml', import.meta.url)), policy.file);

  const up = spawn(process.execPath, [TALLY, 'up', '--port', '0', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => up.once('close', () => resolve()));
  const api = await new Promise<string>((resolve, reject) => {
    let text = '';
    let said = '';
    up.stderr.setEncoding('utf8').on('data', (part: string) => {
      said += part;
    });
    up.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const line = text.split('\n', 1)[0] ?? '';
      if (text.includes('\n')) resolve((JSON.parse(line) as { readonly api_url: string }).api_url);
    });
    up.once('close', () => reject(new Error(`the recorder ended: ${said}`)));
  });
  return {
    api,
    tally,
    async close() {
      up.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
