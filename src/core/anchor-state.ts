/** How the anchors of a log stand: told by the runner, shown by `tally status` and `tally anchor run`. */

export interface AnchorState {
  readonly name: string;
  readonly type: string;
  /** The newest receipt on disk. */
  readonly last?: { readonly size: number; readonly at: string };
  /** Signed entries after it, other than those about anchors. */
  readonly behind: number;
  /** Being shown a checkpoint right now. */
  readonly running: boolean;
  /** Since the last receipt nothing but this. */
  readonly failing?: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly since: string;
    readonly attempts: number;
    readonly retry_at: string;
  };
}

/** What one request to show the newest checkpoint came to. */
export interface AnchorRun extends AnchorState {
  /** `current`: it has the newest checkpoint already. `running`: no end yet; asked again, the same run is waited for. */
  readonly outcome: 'ok' | 'current' | 'failed' | 'running';
  /** Of the receipt that this run stored, when somebody signed a time. */
  readonly time?: string;
}
