/**
 * The broker as `tally up` wires it, on a log and a vault of its own.
 *
 *     node bench/proxy/broker.ts DIR UPSTREAM-PORT [intent|reply|async|unflushed|unrecorded] [CA.pem]
 *
 * `unflushed`: entries are made and hashed, and written nowhere. `unrecorded`: calls are decided, and nothing is recorded.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLeaves } from '../../src/capture/ca/leaves.ts';
import { createBroker } from '../../src/capture/proxy/broker.ts';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { forManyCalls } from '../../src/cli/engine.ts';
import type { LogStore } from '../../src/core/ports.ts';
import type { Recorder } from '../../src/recorder/api.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { openBenchRecorder } from '../support.ts';

const [directory = '', upstream = '', mode = 'intent', ca] = process.argv.slice(2);
forManyCalls();
const durability = mode === 'reply' || mode === 'async' ? mode : 'intent';
const policy = `version: "1"
allowlist:
  - { host: 127.0.0.1, port: ${upstream}, http: true, internal: true, durability: ${durability} }
  - { host: localhost, port: ${upstream}, http: true, internal: true, durability: ${durability} }
`;
const nowhere = (store: LogStore): LogStore => ({ ...store, append: async () => undefined });
const recorder = await openBenchRecorder(directory, policy, mode === 'unflushed' ? nowhere : undefined);
const vault = openVault({
  path: join(directory, 'vault', 'secrets'),
  key: { path: join(directory, 'keys', 'vault.key') },
});
const value = randomBytes(24).toString('base64url');
await vault.set('BENCH_KEY', value);
recorder.secrets.set('BENCH_KEY', value);

/** Everything of a call but its entries. A turn of the loop stands for the flush. */
function unrecorded(own: LocalRecorder): Recorder {
  let index = 0;
  const receipt = () => ({ id: `log_${String(index++).padStart(26, '0')}`, index, ts: '' });
  const flushed = () => new Promise((resolve) => setImmediate(resolve));
  return {
    ...own,
    async act({ request, ...read }, event) {
      const decision = own.decide(request, read);
      event(decision, request);
      await flushed();
      return { decision, receipt: receipt() };
    },
    async record(_event, _producer, how) {
      how?.placed?.();
      await flushed();
      return receipt();
    },
  };
}

const broker = createBroker({
  recorder: mode === 'unrecorded' ? unrecorded(recorder) : recorder,
  vault,
  resolve: async () => ['127.0.0.1'],
  leaves: createLeaves({ state: directory }, Date.now),
  config: { port: 0, version: '0', ...(ca === undefined ? {} : { extraCa: [readFileSync(ca, 'utf8')] }) },
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
const url = new URL(await broker.listen());
process.send?.({ port: Number(url.port) });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.((user + system) / 1_000_000);
});
process.on('SIGTERM', async () => {
  await broker.close();
  // The log of an unflushed run is no log.
  if (mode !== 'unflushed') await recorder.close('bench');
  process.exit(0);
});
