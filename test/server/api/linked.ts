/** Approval links over a recorder in memory, for clients that no /proc knows. */
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { linkSigner } from '../../../src/core/approval-link.ts';
import { linkResource } from '../../../src/server/api/link.ts';
import { serveHttp } from '../../../src/server/http.ts';
import { bearer, type Stage, stage } from './stage.ts';

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: [api.example.com]
users:
  u_clerk: { email: clerk@example.com, roles: [member] }
  u_boss: { email: boss@example.com, roles: [admin] }
facts: { amount: args.amount }
rules:
  - { id: big-refund, when: 'facts.amount > 100.0', decision: approval_required, reason: refund_over_limit, approvers: ["role:admin"], ttl: 15m }
`;

interface Linked extends Stage {
  /** Asks for a refund; gives the id of the request for approval. */
  ask1(amount: number, note?: string): Promise<string>;
  link(approval: string, approver?: string, endsMs?: number): string;
  look(url: string, init?: RequestInit): Promise<{ status: number; html: string; headers: Headers }>;
  answer(
    url: string,
    decision: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; html: string }>;
}

export async function linked(t: TestContext): Promise<Linked> {
  const made = await stage(t, { policy: POLICY });
  const { recorder, handle } = made;
  const signer = linkSigner(randomBytes(32));
  const onError = (error: unknown): void => void made.faults.push(error);
  const server = await serveHttp({
    port: 0,
    mayRead: async () => false,
    onError,
    resources: (hosts) => [
      linkResource(
        { recorder, handle, signer, self: { user: 'ada' }, origin: () => 'https://tally.example' },
        hosts,
        onError,
      ),
    ],
  });
  t.after(() => server.close());
  const clerk = bearer(await made.token('refund-bot', { user_id: 'u_clerk' }));
  const look = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(url, init);
    return { status: response.status, html: await response.text(), headers: response.headers };
  };
  return {
    ...made,
    async ask1(amount, note = 'o_1') {
      const body = {
        action: { name: 'refund.create' },
        args: { amount, note },
        reason: 'the customer asked',
      };
      return (await made.ask('/v1/decisions', body, clerk)).body.approval_id;
    },
    link: (approval, approver = 'u_boss', endsMs = recorder.now() + 60_000) =>
      `${server.origin}/a/${signer.sign({ approval, approver, endsMs })}`,
    look,
    answer: (url, decision, headers = {}) =>
      look(url, { method: 'POST', body: new URLSearchParams({ decision, reason: 'fine' }), headers }),
  };
}
