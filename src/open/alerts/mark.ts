/** What `log.open` says of a recorder that looks for alerts: the first such entry is where alerts begin. */
export const ALERTS_MARK = { alerts: 1 } as const;
