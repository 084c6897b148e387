/** How far a collector has the entries of a log. */
export interface ForwardState {
  /** Its origin; the rest of a URL may hold secrets. */
  readonly place: string;
  /** Entries below this index were taken. */
  readonly index: number;
  /** Durable entries that were not. */
  readonly behind: number;
  /** Records that it said it did not take, of all that were sent. */
  readonly rejected: number;
  /** What it last said of that. */
  readonly rejection?: string;
  readonly failing?: {
    readonly message: string;
    readonly attempts: number;
    readonly since: string;
    readonly retry_at: string;
  };
}
