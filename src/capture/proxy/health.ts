import type { ServerResponse } from 'node:http';

export interface Health {
  readonly status: 'ok' | 'log_unavailable' | 'closing';
  /** Published clients look for it. */
  readonly project: string;
  readonly version: string;
  /** Of the log that records the calls. */
  readonly origin: string;
}

/** Anything but `ok` is a 503, so that a probe that looks at the status alone sees it. */
export function sendHealth(response: ServerResponse, health: Health): void {
  const text = `${JSON.stringify(health)}\n`;
  response.writeHead(health.status === 'ok' ? 200 : 503, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
