/** Drives Debian's Chromium, headless, by the DevTools protocol over a pipe: no library, no port. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export interface Page {
  /** The value of a JavaScript expression in the page, awaited. Rejects with what it threw. */
  evaluate<T>(expression: string): Promise<T>;
  /** As a person who picks files in a dialog. */
  chooseFiles(selector: string, paths: readonly string[]): Promise<void>;
  /** PNG. */
  screenshot(options?: { width?: number; height?: number; dark?: boolean }): Promise<Buffer>;
  /** Exceptions that nobody caught. */
  readonly complaints: readonly string[];
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Fails, and says what to install, when there is no Chromium: it is never skipped. */
export async function withChromium(
  use: (open: (url: string) => Promise<Page>) => Promise<void>,
): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), 'tally-chromium-'));
  const child = spawn(
    'chromium',
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-breakpad',
      '--disable-crash-reporter',
      '--no-first-run',
      '--disable-dev-shm-usage',
      '--remote-debugging-pipe',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    // A group of its own, which is ended as a whole: a browser is many processes.
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
      // What it leaves behind goes with the profile.
      env: { ...process.env, TMPDIR: profile },
    },
  );
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new Error('this test needs Chromium: apt-get install chromium', { cause })),
      );
    });
    const link = connect(child.stdio[3] as Writable, child.stdio[4] as Readable);
    void ended.then(() => link.fail(new Error('chromium ended')));
    await use((url) => openPage(link, url));
    await link.send('Browser.close');
  } finally {
    endGroup(child.pid);
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: all of them have ended.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

interface Link {
  send(method: string, params?: object, sessionId?: string): Promise<Record<string, unknown>>;
  on(listener: (message: Message) => void): void;
  fail(error: Error): void;
}

/** Messages are JSON, each ended by a zero byte. */
function connect(input: Writable, output: Readable): Link {
  const waiting = new Map<
    number,
    { resolve(value: Record<string, unknown>): void; reject(error: Error): void }
  >();
  const listeners: ((message: Message) => void)[] = [];
  let last = 0;
  let rest = '';
  function fail(error: Error): void {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }
  input.on('error', fail);
  output.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\0');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      const call = message.id === undefined ? undefined : waiting.get(message.id);
      if (message.id !== undefined) waiting.delete(message.id);
      if (call === undefined) for (const listener of listeners) listener(message);
      else if (message.error !== undefined) call.reject(new Error(message.error.message));
      else call.resolve(message.result ?? {});
    }
  });
  return {
    send: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        waiting.set(++last, { resolve, reject });
        input.write(
          `${JSON.stringify({ id: last, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`,
        );
      }),
    on: (listener) => listeners.push(listener),
    fail,
  };
}

async function openPage(link: Link, url: string): Promise<Page> {
  const { targetId } = await link.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await link.send('Target.attachToTarget', { targetId, flatten: true });
  const send = (method: string, params?: object) => link.send(method, params, String(sessionId));
  const complaints: string[] = [];
  const loaded = new Promise<void>((resolve) =>
    link.on(({ method, params, sessionId: from }) => {
      if (from !== sessionId) return;
      if (method === 'Page.loadEventFired') resolve();
      if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params));
    }),
  );
  for (const domain of ['Page', 'Runtime', 'DOM']) await send(`${domain}.enable`);
  await send('Page.navigate', { url });
  await loaded;
  return {
    complaints,
    async evaluate<T>(expression: string): Promise<T> {
      const answer = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
      const { exceptionDetails, result } = answer as {
        exceptionDetails?: { exception?: { description?: string } };
        result: { value: T };
      };
      if (exceptionDetails !== undefined)
        throw new Error(exceptionDetails.exception?.description ?? JSON.stringify(exceptionDetails));
      return result.value;
    },
    async chooseFiles(selector, paths) {
      const { root } = (await send('DOM.getDocument')) as { root: { nodeId: number } };
      const { nodeId } = await send('DOM.querySelector', { nodeId: root.nodeId, selector });
      await send('DOM.setFileInputFiles', { nodeId, files: paths });
    },
    async screenshot({ width = 900, height = 900, dark = false } = {}) {
      await send('Emulation.setDeviceMetricsOverride', {
        width,
        height,
        deviceScaleFactor: 1,
        mobile: false,
      });
      const value = dark ? 'dark' : 'light';
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
      const { data } = await send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
      return Buffer.from(String(data), 'base64');
    },
  };
}
