/**
 * What a server says its tools are. A model reads the descriptions as if they were its user's, so a server that alters one
 * after it was looked at alters what the model does. Each list is on record with a hash for every tool, and whoever
 * follows the log sees what has changed since the last time.
 */
import { canonicalize } from '../../core/canonical.ts';
import type { Event, Outcome } from '../../core/entry.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import { bounded, methodName } from './names.ts';

type Members = Readonly<Record<string, unknown>>;

/** What a model or a client acts on. Of texts for people only, such as icons, a change means nothing. */
const TOLD = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const;

/**
 * 80 bits of SHA-256 over the canonical form, as letters a to p: digits could be taken for a card number, and be redacted.
 */
export function toolHash(tool: Members): string {
  const told = Object.fromEntries(
    TOLD.flatMap((name) => (tool[name] === undefined ? [] : [[name, tool[name]]])),
  );
  return letters(sha256Hex(textOf(told)).slice(0, 20));
}

const letters = (hex: string): string =>
  hex.replaceAll(/[0-9a-f]/g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)));

function textOf(value: Members): string {
  try {
    return canonicalize(value);
  } catch {
    // Halves of characters, or too deep: told apart from others by what it says in its own order.
    return JSON.stringify(value).toWellFormed();
  }
}

/** One entry, or as many as it takes. `parts` says how many, so that a list is known to be whole. */
export function* toolEvents(server: string, tools: readonly unknown[], outcome: Outcome): Generator<Event> {
  const hashes = tools.flatMap((tool) =>
    isObject(tool) && typeof tool.name === 'string'
      ? [{ tool: bounded(tool.name), hash: toolHash(tool) }]
      : [],
  );
  const parts = Math.max(1, Math.ceil(hashes.length / LIMITS.mcpToolsPerEntry));
  for (let part = 0; part < parts; part++) {
    const from = part * LIMITS.mcpToolsPerEntry;
    yield {
      type: 'custom',
      phase: 'point',
      action: { name: methodName(server, 'tools/list') },
      metadata: {
        mcp: {
          method: 'tools/list',
          server,
          count: hashes.length,
          part: part + 1,
          parts,
          tools: hashes.slice(from, from + LIMITS.mcpToolsPerEntry),
        },
      },
      // The server says it; that it said so was seen.
      quality: { metadata: 'asserted' },
      outcome,
    };
  }
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
