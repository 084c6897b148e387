/** What of the Claude Agent SDK's types the plug-in reads. They are written anew: the package is not needed to build it. */
import type { Program } from './programs.ts';

/** A callback of `options.hooks`. What it is handed came as JSON from the program that the SDK runs. */
export type Callback = (
  input: unknown,
  toolUseId: string | undefined,
  context: { readonly signal: AbortSignal },
) => Promise<unknown>;

export interface Matcher {
  readonly matcher?: string;
  readonly hooks: readonly Callback[];
  /** Seconds. */
  readonly timeout?: number;
  /** Of the SDK's 0.3.295 and later; earlier ones go on. */
  readonly onFailure?: 'continue' | 'block';
}

export type Hooks = Readonly<Record<string, readonly Matcher[] | undefined>>;

export type CanUseTool = (
  tool: string,
  input: unknown,
  context: { readonly toolUseID?: string; readonly signal?: AbortSignal },
) => Promise<unknown>;

export type Spawn = (asked: unknown) => Program;

/** Of `options` of `query()`; everything else of them is passed on as it is. */
export interface Hooked {
  readonly hooks?: object | undefined;
  readonly canUseTool?: unknown;
  readonly spawnClaudeCodeProcess?: unknown;
}
