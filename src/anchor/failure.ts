/** What an exchange with an anchor is that comes to nothing. */
export const ASKED_AGAIN = {
  code: 'ANCHOR_FAILED',
  hint: 'the next checkpoint tries again; recording goes on meanwhile',
} as const;
