/** What a `secretspec.toml` says, after everything it extends has been merged (spec/secrets.md section 1). */
import type { Aliases, Ref } from '../ref.ts';

export type RequireReason = 'always' | 'agents' | 'never';

export interface Extract {
  readonly format: 'json' | 'ini';
  /** RFC 6901. */
  readonly pointer: string;
}

export interface SecretDeclaration {
  readonly name: string;
  readonly description?: string;
  /** Absence is an error. False for members of a group: the group is judged as a whole. */
  readonly required: boolean;
  readonly default?: string;
  /** Aliases, names or URIs, asked in order. Absent: the machine's setting. */
  readonly providers?: readonly string[];
  readonly ref?: Ref;
  /** By alias. */
  readonly refs?: ReadonlyMap<string, Ref>;
  readonly encoding?: 'base64' | 'base64url' | 'hex';
  readonly extract?: Extract;
  /** A template of other secrets' names; such a secret is read-only. */
  readonly composed?: string;
  /** The value is written to a file, and its path is what a program gets. */
  readonly asPath: boolean;
  /** `run` may ask a person for it. */
  readonly prompt: boolean;
  readonly type?: string;
  readonly generate?: Generate;
  readonly groups: readonly Membership[];
}

export interface Generate {
  readonly length?: number;
  readonly charset?: 'alphanumeric' | 'ascii';
  readonly bytes?: number;
  readonly bits?: number;
  readonly command?: string;
}

export interface Membership {
  readonly mode: 'at_least_one' | 'exactly_one';
  readonly group: string;
}

export interface Profile {
  readonly name: string;
  /** Sorted by name; with what it inherits. */
  readonly secrets: ReadonlyMap<string, SecretDeclaration>;
}

export interface Manifest {
  /** The file itself, absolute, and its directory. */
  readonly path: string;
  readonly directory: string;
  readonly project: string;
  /** What the project asks for. The machine's setting may ask for more and never gets less. */
  readonly requireReason: RequireReason | undefined;
  readonly aliases: Aliases;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly scopes: ReadonlyMap<string, readonly string[]>;
}
