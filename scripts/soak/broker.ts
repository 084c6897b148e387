/** The broker under the soak: wired as `tally up` wires it, and asked now and then what it holds. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBenchRecorder } from '../../bench/support.ts';
import { createBroker } from '../../src/capture/proxy/broker.ts';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { forManyCalls } from '../../src/cli/engine.ts';

export interface Held {
  readonly rss: number;
  /** After a full collection. */
  readonly heap: number;
  readonly external: number;
  readonly descriptors: number;
  readonly active: number;
  readonly openActions: number;
}

/** `tunnelled`: a port whose connections pass unread. */
const [directory = '', upstream = '', tunnelled = '1'] = process.argv.slice(2);
forManyCalls();
const recorder = await openBenchRecorder(
  directory,
  `version: "1"
allowlist:
  - { host: 127.0.0.1, port: ${upstream}, http: true, internal: true }
tunnel: [{ host: 127.0.0.1, port: ${tunnelled}, internal: true }]
# A PUT waits for a person.
credentials: { SOAK_KEY: { methods: { GET: allow, POST: allow, PUT: approval_required } } }
approvals: { hold: 5m }
`,
);
const vault = openVault({
  path: join(directory, 'vault', 'secrets'),
  key: { path: join(directory, 'keys', 'vault.key') },
});
const value = randomBytes(24).toString('base64url');
await vault.set('SOAK_KEY', value);
recorder.secrets.set('SOAK_KEY', value);
/** More than a person could ever answer: what is asked here is what many of them hold. */
const MOST_HELD = 512;
const errors: string[] = [];
const broker = createBroker({
  recorder,
  vault,
  resolve: async (host) => [host],
  config: { port: 0, version: '0', limits: { heldCalls: MOST_HELD } },
  onError: (error) => errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error)),
});

function held(): Held {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const descriptors = readdirSync('/proc/self/fd').length;
  const { active } = broker.stats();
  return { rss, heap: heapUsed, external, descriptors, active, openActions: recorder.openActions() };
}

async function answer(question: unknown): Promise<void> {
  if (question === 'held') process.send?.(held());
  if (question === 'kill' || question === 'unkill') {
    const metadata = { scope: 'global', on: question === 'kill' };
    await recorder.record(
      { type: 'killswitch.change', phase: 'point', metadata, outcome: { status: 'ok' } },
      { surface: 'cli', assurance: 'enforced' },
    );
    if (question === 'kill') recorder.kills.tell('global');
    process.send?.({});
  }
  if (question !== 'close') return;
  await broker.close();
  const vkey = recorder.vkey();
  const { lostEntries } = broker.stats();
  const open = recorder.openActions();
  await recorder.close('soak');
  process.send?.({ vkey, lostEntries, open, errors }, () => process.disconnect());
}

process.on('message', (question) => void answer(question));
const url = new URL(await broker.listen());
process.send?.({ port: Number(url.port) });
