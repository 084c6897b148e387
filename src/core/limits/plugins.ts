/** What records the frameworks that others write: how long it waits for what they tell, and what it remembers. */
export const PLUGIN_LIMITS = {
  /** After a tool function has returned, its framework tells what it gave: at once, unless another wrapper holds it up. */
  pluginResultMs: 5_000,
  /** A stream of a model that is cancelled is asked for again, or told to be aborted, within this; else nobody reads it. */
  pluginCancelMs: 1_000,
  /** A call that nothing is told of for so long was dropped by its program; longer than any step of a model or a person. */
  pluginIdleMs: 30 * 60_000,
  /** Calls that ended and are still known, so that what is told late of one is not taken for a new one. */
  pluginEndedCalls: 1_000,
} as const;
