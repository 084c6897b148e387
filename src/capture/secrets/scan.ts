/** Where known values stand in files, in any of their encodings. What is found is told by name and place. */
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../../core/limits.ts';
import { type Matcher, viewOf } from '../../core/redact/matcher.ts';

export interface Leak {
  readonly path: string;
  readonly key: string;
  readonly count: number;
  /** Lines, from 1; at most LIMITS.scanPlaces. */
  readonly lines: readonly number[];
}

export interface Files {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** What could not be looked into. */
  readonly unreadable: readonly string[];
  /** More files than are looked at. */
  readonly more: boolean;
}

/** Regular files at and below `paths`, each once. Links are not followed: they lead out of what was asked for. */
export function filesBelow(paths: readonly string[]): Files {
  const files = new Map<string, number>();
  const unreadable: string[] = [];
  let more = false;

  function visit(path: string, depth: number): void {
    let entries: readonly Dirent[];
    try {
      const stat = lstatSync(path);
      if (stat.isFile()) {
        if (files.size >= LIMITS.scanFiles) more = true;
        else files.set(path, stat.size);
        return;
      }
      if (!stat.isDirectory()) return;
      if (depth > LIMITS.scanDepth) {
        unreadable.push(path);
        return;
      }
      entries = readdirSync(path, { withFileTypes: true });
    } catch {
      // Told by its name; why is for `ls -l` to say.
      unreadable.push(path);
      return;
    }
    for (const entry of entries) {
      if (more) return;
      if (entry.isFile() || entry.isDirectory()) visit(join(path, entry.name), depth + 1);
    }
  }

  for (const path of paths) visit(path, 0);
  return { files: [...files].map(([path, bytes]) => ({ path, bytes })), unreadable, more };
}

/** Undefined: it could not be read to its end. A file that grows meanwhile is read as far as it had grown. */
export async function scanFile(
  path: string,
  matcher: Matcher,
  onBytes: (count: number) => void = () => undefined,
): Promise<readonly Leak[] | undefined> {
  const found = new Map<string, { count: number; lines: number[] }>();
  try {
    const handle = await open(path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(LIMITS.scanChunkBytes + matcher.longest);
      let held = 0;
      let line = 1;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, held, LIMITS.scanChunkBytes, null);
        onBytes(bytesRead);
        const end = held + bytesRead;
        const bytes = buffer.subarray(0, end);
        const view = viewOf(bytes);
        // Behind this a value may go on with what is read next.
        const decided = bytesRead === 0 ? end : matcher.firstOpen(view, 0, end);
        let at = 0;
        for (
          let hit = matcher.find(view, 0, decided, end);
          hit !== undefined;
          hit = matcher.find(view, at, decided, end)
        ) {
          line += newlines(bytes, at, hit.start);
          const { name } = hit;
          const known = found.get(name) ?? { count: 0, lines: [] };
          known.count++;
          if (known.lines.length < LIMITS.scanPlaces && known.lines.at(-1) !== line) known.lines.push(line);
          found.set(name, known);
          line += newlines(bytes, hit.start, hit.end);
          at = hit.end;
        }
        const from = Math.max(at, decided);
        line += newlines(bytes, at, from);
        if (bytesRead === 0) break;
        buffer.copyWithin(0, from, end);
        held = end - from;
      }
      buffer.fill(0);
    } finally {
      await handle.close();
    }
  } catch {
    // Gone, not ours to read, or a failing disk: the caller names it.
    return undefined;
  }
  return [...found].map(([key, { count, lines }]) => ({ path, key, count, lines }));
}

function newlines(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a, from); at !== -1 && at < to; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}

/** Where agents keep what was said to them and what they saw, and where shells keep what was typed. Below the home. */
// biome-ignore format: one line a program
export const SESSION_PLACES: readonly string[] = [
  '.claude/projects', '.claude/history.jsonl', '.claude/todos', '.claude/shell-snapshots', '.claude/debug',
  '.codex/sessions', '.codex/history.jsonl', '.codex/log',
  '.gemini/tmp', '.qwen/tmp',
  '.cursor/chats', '.cursor/projects',
  '.copilot/session-state', '.copilot/logs',
  '.local/share/opencode', '.local/share/goose/sessions', '.local/state/goose', '.local/share/amp', '.local/share/crush',
  '.aider.input.history',
  '.continue/sessions', '.openhands', '.factory/sessions', '.augment/sessions',
  '.bash_history', '.zsh_history', '.local/share/fish/fish_history', '.python_history', '.node_repl_history',
];
