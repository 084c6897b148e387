/**
 * A process of its own, for an environment of its own: what some people set to make a certificate error go away must
 * not reach the broker's connections. Prints the code of the error, or "connected".
 */
import { createUpstreams } from '../../../src/capture/proxy/upstream.ts';

const [origin = '', address = ''] = process.argv.slice(2);
const upstreams = createUpstreams({ connectMs: 2_000, headersMs: 2_000, idleMs: 2_000 });
const lane = upstreams.take(origin, [address]);
const done = (result: string): void => {
  process.stdout.write(result);
  lane.destroy();
};
lane.dispatch(
  { path: '/', method: 'GET' },
  {
    onRequestStart() {},
    onResponseStart() {},
    onResponseData() {},
    onResponseEnd: () => done('connected'),
    onResponseError: (_controller, error) => done('code' in error ? String(error.code) : error.name),
  },
);
