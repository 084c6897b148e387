/** Where things stand in a policy file, and what is wrong there. */
export interface Problem {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
  /** Looked for only when the problem is told: what was meant. */
  readonly guess?: () => string | undefined;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface PolicyDocument {
  readonly value: unknown;
  /** Where the value at `path` stands; with `key`, where that key of the mapping at `path` stands. */
  locate(path: readonly PropertyKey[], key?: string): Place;
  /** Within the text at `path`, where the file has it as it is; else where that text begins. */
  locateWithin(path: readonly PropertyKey[], offset: number): Place;
}
