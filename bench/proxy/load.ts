/**
 * The load generator: `connections` requests under way at any time for some seconds, after a warm-up. With a proxy and
 * an authority it connects through the proxy, with TLS inside.
 */
import { readFileSync } from 'node:fs';
import { Pool, ProxyAgent } from 'undici';
import { quantile } from '../stats.ts';
import { BOUNDS } from './bounds.ts';

export interface LoadResult {
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Share of the requests that took at most so many milliseconds, by the upper bounds BOUNDS. */
  readonly histogram: readonly number[];
}

const [target = '', connectionsText = '1', secondsText = '1', headersText = '{}', proxy, ca = ''] =
  process.argv.slice(2);
const url = new URL(target);
const connections = Number(connectionsText);
const headers = JSON.parse(headersText) as Record<string, string>;
const pool =
  proxy === undefined
    ? new Pool(url.origin, { connections, pipelining: 1 })
    : new ProxyAgent({
        uri: proxy,
        requestTls: { ca: readFileSync(ca, 'utf8') },
        proxyTunnel: true,
        connections,
        pipelining: 1,
      });
const latencies: number[] = [];
let failed = 0;

function once(): Promise<boolean> {
  return new Promise((resolve) => {
    let status = 0;
    pool.dispatch(
      { origin: url.origin, path: url.pathname, method: 'GET', headers },
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
  histogram: BOUNDS.map((bound) => latencies.filter((ms) => ms <= bound).length / latencies.length),
};
process.send?.(result, () => process.disconnect());
