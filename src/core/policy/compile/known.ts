/** The names that the file gives, for whoever refers to them. */
import { ROLES } from '../../entry.ts';
import type { PolicyFile } from '../schema.ts';
import { slipFinder } from '../suggest.ts';

export interface Known {
  readonly roles: ReadonlySet<string>;
  /** Absent: the file names no tools (or no users), and any may be meant. */
  readonly tools: ReadonlySet<string> | undefined;
  readonly users: ReadonlySet<string> | undefined;
  readonly facts: ReadonlySet<string>;
  /** The tool that was meant, when a name is one slip away from one and is none itself. */
  misspelt(tool: string): string | undefined;
}

const keysOf = (section: object | null | undefined): ReadonlySet<string> | undefined =>
  section === null || section === undefined ? undefined : new Set(Object.keys(section));

export function knownNames(file: PolicyFile): Known {
  const tools = keysOf(file.tools);
  const slipOf = slipFinder(tools ?? []);
  return {
    roles: new Set([...ROLES, ...Object.keys(file.roles ?? {})]),
    tools,
    users: keysOf(file.users),
    facts: new Set(Object.keys(file.facts ?? {})),
    misspelt: (tool) =>
      tools === undefined || tools.has(tool) || tool.includes('*') ? undefined : slipOf(tool),
  };
}
