/** What the program has said of its traces: to the processor, and by guarding its tools. */

export interface TracesOptions {
  /** Of the run of a trace. Absent: the one of `createTally`. */
  readonly agent?: string | undefined;
  /** Of the models, where a span does not say. */
  readonly provider?: string | undefined;
}

export interface Setup {
  options: TracesOptions;
  /** Calls of these tools, or of all tools of these agents, are recorded by their guard; what it never saw, at its end. */
  readonly guardedTools: Set<string>;
  readonly guardedAgents: Set<string>;
}
