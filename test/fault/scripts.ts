/** What the program of the fault suite can be told to do. */

/**
 * `make` begins with nothing, seals a segment and rotates the key. `again` opens what another run left. How many events
 * each appends.
 */
export const SCRIPTS = { make: 300, again: 12 } as const;
export type Script = keyof typeof SCRIPTS;
/** What the clock shows at the start: each has its own ids. */
export const BEGAN: Readonly<Record<Script, number>> = {
  make: Date.UTC(2026, 0, 1),
  again: Date.UTC(2026, 0, 2),
};
/** The first segment is full, and sealed, before the end of `make`. */
export const SEGMENT_ENTRIES = 256;
/** After so many appends another key takes over. */
export const ROTATE_AFTER = 200;
