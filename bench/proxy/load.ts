/** The load generator: `connections` requests under way at any time for some seconds, after a warm-up. */
import { Pool } from 'undici';
import { quantile } from '../stats.ts';

export interface LoadResult {
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

const [target = '', connectionsText = '1', secondsText = '1', headersText = '{}'] = process.argv.slice(2);
const url = new URL(target);
const connections = Number(connectionsText);
const headers = JSON.parse(headersText) as Record<string, string>;
const pool = new Pool(url.origin, { connections, pipelining: 1 });
const latencies: number[] = [];
let failed = 0;

function once(): Promise<boolean> {
  return new Promise((resolve) => {
    let status = 0;
    pool.dispatch(
      { path: url.pathname, method: 'GET', headers },
      {
        onRequestStart() {},
        onResponseStart(_controller, code) {
          status = code;
        },
        onResponseData() {},
        onResponseEnd: () => resolve(status === 200),
        onResponseError: () => resolve(false),
      },
    );
  });
}

async function drive(until: number, counted: boolean): Promise<void> {
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        const sent = performance.now();
        const good = await once();
        if (!counted) continue;
        latencies.push(performance.now() - sent);
        if (!good) failed++;
      }
    }),
  );
}

await drive(performance.now() + 1_000, false);
const started = performance.now();
await drive(started + Number(secondsText) * 1_000, true);
const elapsed = (performance.now() - started) / 1_000;
await pool.destroy();
const result: LoadResult = {
  requests: latencies.length,
  failed,
  perSecond: latencies.length / elapsed,
  p50: quantile(latencies, 0.5),
  p99: quantile(latencies, 0.99),
};
process.send?.(result, () => process.disconnect());
