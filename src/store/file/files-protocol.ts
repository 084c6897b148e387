/** What is said between the thread that writes files and the one that has them written. */

export interface NewFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Answered in the order of asking. */
export interface FilesTask {
  readonly files: readonly NewFile[];
  readonly durable: boolean;
}

export interface FilesAnswer {
  /** Of the first file that could not be written; none after it was tried. */
  readonly error?: { readonly message: string; readonly code: string | undefined };
}
