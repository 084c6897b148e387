import { type Paint, plainText, type Style, styleFor } from './style.ts';
import { wrap } from './width.ts';

/** Standard output or standard error, as the commands see it. */
export interface Output {
  readonly isTTY: boolean;
  /** Columns to fit; undefined on a pipe or into a file, where nothing is cut off. Read anew at each use. */
  readonly width: number | undefined;
  readonly style: Style;
  /**
   * Resolves when the reader keeps up, so awaiting each write keeps memory flat. Never rejects: after the reader has
   * gone (EPIPE) writes do nothing, and any other failure is kept in `failure` for the end of the program.
   */
  write(data: string | Uint8Array): Promise<void>;
  line(text?: string): Promise<void>;
  /** A sentence: broken at spaces, where a terminal would break a word. `paint` is for each line of it. */
  say(text: string, paint?: Paint): Promise<void>;
  /** Aborted when the reader closed its end (`| head`): long work that only prints may stop. */
  readonly gone: AbortSignal;
  readonly failure: Error | undefined;
}

export interface OutputOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A coding agent reads this: no colours, whatever the terminal can do. */
  readonly plain: boolean;
}

type Writable = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

const NARROWEST = 40;

export function createOutput(stream: Writable, options: OutputOptions): Output {
  const isTTY = stream.isTTY === true;
  const gone = new AbortController();
  let failure: Error | undefined;

  stream.on('error', (error: NodeJS.ErrnoException) => {
    // A closed pipe is the reader's way to say "enough".
    if (error.code !== 'EPIPE') failure ??= error;
    gone.abort();
  });

  /** Shared by all that wait: a listener each would be a leak. */
  let drained: Promise<void> | undefined;

  function untilDrained(): Promise<void> {
    drained ??= new Promise<void>((resolve) => {
      const done = (): void => {
        stream.off('drain', done);
        gone.signal.removeEventListener('abort', done);
        drained = undefined;
        resolve();
      };
      stream.once('drain', done);
      gone.signal.addEventListener('abort', done, { once: true });
    });
    return drained;
  }

  async function write(data: string | Uint8Array): Promise<void> {
    if (!gone.signal.aborted && !stream.write(data)) await untilDrained();
  }

  const width = (): number | undefined => (isTTY ? Math.max(NARROWEST, stream.columns ?? 80) : undefined);

  return {
    isTTY,
    get width() {
      return width();
    },
    style: styleFor(wantsColour(isTTY, options)),
    write,
    line: (text = '') => write(`${text}\n`),
    say: (text, paint = plainText) => write(`${wrap(text, width()).map(paint).join('\n')}\n`),
    gone: gone.signal,
    get failure() {
      return failure;
    },
  };
}

/** https://no-color.org and https://force-color.org: set and not empty. */
function wantsColour(isTTY: boolean, { env, plain }: OutputOptions): boolean {
  const force = env.FORCE_COLOR;
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  return isTTY && !plain && env.TERM !== 'dumb';
}
