/**
 * Files that are written together. Many of them at once, as in a burst of entries, are left to a thread that writes them
 * one after the other: in the thread pool they would stand before the flushes of the log, contend with each other for
 * their directory, and wait for five turns of a busy event loop each.
 */
import { Worker } from 'node:worker_threads';
import { LIMITS } from '../../core/limits.ts';
import type { FilesAnswer, FilesTask, NewFile } from './files-protocol.ts';
import { replaceFile } from './fs.ts';

interface Waiting {
  /** `false`: the thread ended before it answered. What it wrote may be there. */
  done(written: boolean): void;
  failed(error: Error): void;
}

const waiting: Waiting[] = [];
let worker: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
/** A thread could not be started, or died: this process goes without. */
let broken = false;

/** Each as `replaceFile` does it; the directories are not yet synced. Errors are those of the file system. */
export async function replaceFiles(files: readonly NewFile[], durable: boolean): Promise<void> {
  if (files.length >= LIMITS.threadedFiles && (await inThread({ files, durable }))) return;
  for (let at = 0; at < files.length; at += LIMITS.threadedFiles) {
    const some = files.slice(at, at + LIMITS.threadedFiles);
    await Promise.all(some.map(({ path, bytes }) => replaceFile(path, bytes, durable)));
  }
}

function inThread(task: FilesTask): Promise<boolean> {
  const thread = runningThread();
  if (thread === undefined) return Promise.resolve(false);
  clearTimeout(idle);
  // What is under way keeps the process alive, as a write in the thread pool does.
  thread.ref();
  return new Promise((done, failed) => {
    thread.postMessage(task);
    waiting.push({ done, failed });
  });
}

function runningThread(): Worker | undefined {
  if (worker !== undefined || broken) return worker;
  try {
    worker = start();
  } catch {
    broken = true;
  }
  return worker;
}

function start(): Worker {
  // What the program loads before itself, by its arguments or its environment, must not happen in it a second time.
  const started = new Worker(workerFile(), { execArgv: [], env: {} });
  started.on('message', ({ error }: FilesAnswer) => {
    const next = waiting.shift();
    if (waiting.length === 0) rest(started);
    if (error === undefined) next?.done(true);
    else next?.failed(Object.assign(new Error(error.message), { code: error.code }));
  });
  started.on('error', () => {
    broken = true;
  });
  started.on('exit', () => {
    if (worker !== started) return;
    worker = undefined;
    for (const { done } of waiting.splice(0)) done(false);
  });
  return started;
}

function rest(thread: Worker): void {
  thread.unref();
  idle = setTimeout(() => {
    worker = undefined;
    void thread.terminate();
  }, LIMITS.filesThreadIdleMs).unref();
}

/** Beside this file, under the name that it has after a build as well. */
function workerFile(): URL {
  const { href } = new URL('./files-worker.ts', import.meta.url);
  return new URL(import.meta.url.endsWith('.ts') ? href : href.replace(/\.ts$/, '.js'));
}
