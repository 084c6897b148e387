import { execFile } from 'node:child_process';

const ANSWER_MS = 5_000;

/** The version of the `claude` on PATH; undefined where there is none that says it. */
export function claudeOnPath(): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('claude', ['--version'], { timeout: ANSWER_MS }, (error, stdout) => {
      resolve(error === null ? /\d+\.\d+\.\d+/.exec(stdout)?.[0] : undefined);
    });
  });
}
