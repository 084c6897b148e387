/** The API over a recorder in memory, on a port of its own. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createOtlpReceiver } from '../../../src/capture/otlp/receive.ts';
import { apiResource } from '../../../src/server/api/resource.ts';
import { apiRoutes } from '../../../src/server/api/routes.ts';
import { serveHttp } from '../../../src/server/http.ts';
import { otlpResource } from '../../../src/server/otlp/resource.ts';
import type { Peer } from '../../../src/server/peer.ts';
import { entriesOf, type Machine, machine } from '../../support/recorder.ts';
import { PERSON, type Served, serve } from '../../support/serve.ts';

/** What any of the answers has, as far as tests look at it; what an answer does not have is undefined. */
export interface Body {
  readonly id: string;
  readonly index: number;
  readonly proceed: boolean;
  readonly known: boolean;
  readonly late: boolean;
  readonly status: string;
  readonly arguments: string;
  readonly approver: string;
  readonly changed: boolean;
  readonly approval_id: string;
  readonly decision: {
    readonly outcome: string;
    readonly reason?: string;
    readonly approval: { readonly id: string };
    readonly inputs: { readonly identity: { readonly run_id?: string } };
  };
  readonly error: { readonly code: string; readonly message: string };
  readonly closed_by: { readonly id: string };
  readonly results: readonly { readonly status: number; readonly body: Body }[];
  readonly approvals: readonly { readonly id: string }[];
  readonly switches: readonly { readonly scope: string }[];
  readonly paths: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: Body;
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
  /** False: spans and records that have nothing to do with agents are not recorded. */
  readonly otlpOthers?: boolean;
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
      otlpResource(
        {
          receive: createOtlpReceiver(recorder, () => options.otlpOthers !== false).receive,
          self: { user: 'ada', uid: 1000 },
        },
        hosts,
        onError,
      ),
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
      return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
    },
    entries: (type) => entriesOf(box.disk).filter((entry) => type === undefined || entry.type === type),
    async token(agent, more = {}) {
      const operator_token = options.operator?.token;
      const by = operator_token === undefined ? PERSON : { ...PERSON, operator_token };
      await handle('agent.register', { agent_id: agent }, by);
      return (await handle('token.issue', { agent_id: agent, ...more }, by)).token;
    },
    async again() {
      await close();
      return stage(t, { ...options, box });
    },
    close,
  };
}

export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });
