/** What `log.open` entries say of the log itself, so that a changed `log.json` does not go unnoticed. */
import { canonicalize } from '../canonical.ts';
import type { Json, JsonObject } from '../json.ts';
import { field, isObject, textAt } from './fields.ts';

/** The part of `log.json` that its entries repeat. */
export interface ClaimedLog {
  readonly tenant: string;
  readonly created?: unknown;
  readonly continues?: unknown;
}

export interface OpeningWatch {
  /** Entries of type log.open; others are ignored. */
  see(entry: JsonObject): void;
  /** How the claim differs from what the starts of its recorders put on record; undefined when it does not. */
  differs(claimed: ClaimedLog): string | undefined;
}

/** The members that say which log is continued; what a person typed may have been redacted in the entry. */
const BINDING = ['log', 'origin', 'remembered_head', 'found_checkpoint'] as const;

/** Every start repeats what log.json said at that time, so different texts are few; who forges many gains nothing. */
export function watchOpenings(): OpeningWatch {
  const tenants = new Set<string>();
  const created = new Set<string>();
  const cited = new Set<string>();
  return {
    see(entry) {
      if (textAt(entry, 'type') !== 'log.open') return;
      tenants.add(textAt(entry, 'tenant_id') ?? '');
      const told = textAt(entry, 'metadata', 'created');
      if (told !== undefined) created.add(told);
      cited.add(citation(field(entry, 'metadata', 'continues')));
    },
    differs({ tenant, created: claimed, continues }) {
      if ([...tenants].some((told) => told !== tenant))
        return `log.json names the tenant ${tenant}, the entries are of ${[...tenants].join(', ')}`;
      if ([...created].some((told) => told !== claimed))
        return `log.json was created at ${String(claimed)}, its entries say ${[...created].join(', ')}`;
      const claim = citation(continues as Json | undefined);
      if ([...cited].some((told) => told !== claim))
        return 'log.json does not continue the log that the starts of the recorder cite';
      return undefined;
    },
  };
}

function citation(continues: Json | undefined): string {
  if (!isObject(continues)) return '';
  return canonicalize(BINDING.map((member) => field(continues, member) ?? null));
}
