/** The index is not what was written: not the log's fault, and mended by making it again. */
export class IndexDamage extends Error {
  constructor(why: string, cause?: unknown) {
    super(`the index is damaged: ${why}`, { cause });
    this.name = 'IndexDamage';
  }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
