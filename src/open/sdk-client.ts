/** What a program that uses the SDK says of itself to the recorder. */
import { hostname } from 'node:os';
import { detectAgent } from '../capture/agent/detect.ts';
import { withAncestry } from '../capture/agent/who.ts';
import type { Client } from '../recorder/ops.ts';
import { whoAmI } from './whoami.ts';

export async function sdkClient(env: NodeJS.ProcessEnv): Promise<Client> {
  const { determineAgent } = await import('@vercel/detect-agent');
  const { agent } = await determineAgent();
  const detected = detectAgent({ env, library: agent?.name });
  const { username, uid } = whoAmI();
  const client: Client = {
    surface: 'sdk',
    ...(username === undefined ? {} : { user: username }),
    ...(uid === undefined ? {} : { uid }),
    pid: process.pid,
    host: hostname(),
    ...(detected === undefined ? {} : { detected }),
    ...(env.TALLY_RUN_TOKEN === undefined ? {} : { run_token: env.TALLY_RUN_TOKEN }),
    ...(env.TALLY_AGENT_TOKEN === undefined ? {} : { agent_token: env.TALLY_AGENT_TOKEN }),
  };
  return withAncestry(client, process.ppid);
}
