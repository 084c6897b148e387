/** The API over a recorder in memory, on a port of its own. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { apiResource } from '../../../src/server/api/resource.ts';
import { apiRoutes } from '../../../src/server/api/routes.ts';
import { serveHttp } from '../../../src/server/http.ts';
import type { Peer } from '../../../src/server/peer.ts';
import { entriesOf, type Machine, machine } from '../../support/recorder.ts';
import { PERSON, type Served, serve } from '../../support/serve.ts';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what the API answers is what is tested
  readonly body: any;
  readonly headers: Headers;
}

export interface Stage extends Served {
  readonly origin: string;
  readonly faults: unknown[];
  ask(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  entries(type?: string): ReturnType<typeof entriesOf>;
  /** A token for an agent of this name. */
  token(agent: string, more?: Record<string, unknown>): Promise<string>;
  /** Another recorder over the same log, behind the same address or another one. */
  again(): Promise<Stage>;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly policy?: string;
  readonly box?: Machine;
  readonly mayRead?: (peer: Peer) => Promise<boolean>;
  readonly operator?: { protected?: boolean; token?: string };
}

export async function stage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const box = options.box ?? (await machine());
  const served = await serve(box, {
    ...options.operator,
    ...(options.policy === undefined ? {} : { policy: options.policy }),
  });
  const { recorder, handle } = served;
  const faults: unknown[] = [];
  const onError = (error: unknown): void => void faults.push(error);
  const server = await serveHttp({
    port: 0,
    mayRead: options.mayRead ?? (async () => true),
    onError,
    resources: (hosts) => [
      apiResource({
        routes: apiRoutes({
          recorder,
          handle,
          version: '0.0.0-test',
          self: { user: 'ada', uid: 1000 },
          checkOperator: async (token) => token === options.operator?.token,
        }),
        hosts,
        onError,
      }),
    ],
  });
  let closed = false;
  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await server.close();
    await recorder.close('the end of the test').catch(() => undefined);
  }
  t.after(async () => {
    await close();
    assert.deepEqual(faults, [], 'no fault of ours');
  });
  return {
    ...served,
    origin: server.origin,
    faults,
    async ask(path, body, headers = {}) {
      const response = await fetch(`${server.origin}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json(), headers: response.headers };
    },
    entries: (type) => entriesOf(box.disk).filter((entry) => type === undefined || entry.type === type),
    async token(agent, more = {}) {
      await handle('agent.register', { agent_id: agent }, PERSON);
      return (await handle('token.issue', { agent_id: agent, ...more }, PERSON)).token;
    },
    async again() {
      await close();
      return stage(t, { ...options, box });
    },
    close,
  };
}

export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });
