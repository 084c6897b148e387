/**
 * Entries in the shape of a published record format (spec/views.md). A view is a function of a call: it renames and
 * chooses, and adds nothing that the entries do not say. Entries may be of any version and any shape: members of another
 * type than expected are taken for absent, and nothing throws.
 */
import type { Json, JsonObject } from '../json.ts';
import type { Call } from '../query/call.ts';

/** What a policy snapshot says of one decision. */
export interface AllowlistSnapshot {
  readonly domains: readonly string[];
  readonly captured_at: string;
}

export interface ViewInput extends Call {
  /** Of the decision that `first` carries, out of the snapshot it cites; absent when that could not be read. */
  readonly allowlist?: AllowlistSnapshot;
}

export interface View {
  /** Members of a record in their order, and the columns of its CSV. */
  readonly fields: readonly string[];
  /** One record tells a whole call: an end that does not count would tell the call twice, and is left out. */
  readonly perCall: boolean;
  /** `allowlist` is used. */
  readonly wantsAllowlist: boolean;
  /** None for what the format has no place for; two for the halves of a call in a format of events. */
  records(call: ViewInput): readonly JsonObject[];
}

/** A record over several: what it says depends on those before it. */
export interface ChainedView extends View {
  /** Closes over the state of one export. */
  chain(): (record: JsonObject) => JsonObject;
}

export function isChained(view: View): view is ChainedView {
  return 'chain' in view;
}

/** What is absent is null, in formats whose records always have all members. */
export function orNull<T extends Json>(value: T | undefined): T | null {
  return value === undefined ? null : value;
}

/** Without members that are undefined, in formats that leave out what is absent. */
export function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter((member): member is [string, Json] => member[1] !== undefined),
  );
}
