/** The broker as `tally up` wires it, on a log and a vault of its own. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createBroker } from '../../src/capture/proxy/broker.ts';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { openBenchRecorder } from '../support.ts';

const [directory = '', upstream = ''] = process.argv.slice(2);
const policy = `version: "1"
allowlist:
  - { host: 127.0.0.1, port: ${upstream}, http: true, internal: true }
`;
const recorder = await openBenchRecorder(directory, policy);
const vault = openVault({
  path: join(directory, 'vault', 'secrets'),
  key: { path: join(directory, 'keys', 'vault.key') },
});
const value = randomBytes(24).toString('base64url');
await vault.set('BENCH_KEY', value);
recorder.secrets.set('BENCH_KEY', value);
const broker = createBroker({
  recorder,
  vault,
  resolve: async (host) => [host],
  config: { port: 0, version: '0' },
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
const url = new URL(await broker.listen());
process.send?.({ port: Number(url.port) });
process.on('SIGTERM', async () => {
  await broker.close();
  await recorder.close('bench');
  process.exit(0);
});
