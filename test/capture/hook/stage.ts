/** The hooks over a recorder in memory, on a port of its own, with settings and transcripts in a directory of their own. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { withHooks } from '../../../src/capture/hook/settings.ts';
import type { Entry } from '../../../src/core/entry.ts';
import { openHooks } from '../../../src/open/hooks/endpoint.ts';
import { writeInstalls } from '../../../src/open/hooks/installs.ts';
import { hooksResource } from '../../../src/server/hooks.ts';
import { serveHttp } from '../../../src/server/http.ts';
import type { Peer } from '../../../src/server/peer.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { entriesOf, type Machine, machine } from '../../support/recorder.ts';
import { type Served, serve } from '../../support/serve.ts';

export interface Stage extends Served {
  readonly box: Machine;
  readonly home: string;
  readonly token: string;
  readonly url: string;
  readonly transcript: string;
  readonly faults: unknown[];
  post(body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A post of this event in the session of the test. */
  hook(event: string, more?: Record<string, unknown>): Promise<Answer>;
  tell(...lines: readonly unknown[]): void;
  entries(type?: string): readonly Entry[];
  /** Until `count` entries of this type are there. */
  until(type: string, count?: number): Promise<readonly Entry[]>;
  settle(): Promise<void>;
  again(options?: StageOptions): Promise<Stage>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: {
    readonly hookSpecificOutput?: {
      readonly permissionDecision: string;
      readonly permissionDecisionReason: string;
    };
    readonly error?: { readonly code: string };
  };
}

export interface StageOptions {
  readonly policy?: string;
  readonly box?: Machine;
  readonly home?: string;
  readonly token?: string;
  readonly closed?: boolean;
  readonly mayRead?: (peer: Peer) => Promise<boolean>;
}

export const SESSION = '8ccfafb7-1f99-471c-b54d-2bcb74a2b9bd';

export const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: []
facts: { command: args.command }
rules:
  - { id: no-rm, when: 'action.name == "Bash" && has(facts.command) && facts.command.startsWith("rm ")', decision: stop, reason: no_deleting }
  - { id: ask-push, when: 'action.name == "Bash" && has(facts.command) && facts.command.startsWith("git push")', decision: approval_required, reason: pushing }
approvals: { hold: 0s, approver_may_be_requester: true }
`;

export async function stage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const box = options.box ?? (await machine());
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'hooks-'));
  const token = options.token ?? `hok_${randomBytes(32).toString('base64url')}`;
  const closed = options.closed ?? false;
  const served = await serve(box, { policy: options.policy ?? POLICY, owner: { id: 'ada' } });
  const faults: unknown[] = [];
  const settings = join(home, 'settings.json');
  const paths = { configFile: join(home, 'config.yaml') };
  await writeInstalls(paths, [{ file: settings, token, closed, since: new Date(0).toISOString() }]);
  const { recorder } = served;
  const onError = (error: unknown): void => void faults.push(error);
  const hooks = openHooks({ recorder, reader: openMemoryStore(box.disk), paths, onError });
  const server = await serveHttp({
    port: 0,
    mayRead: options.mayRead ?? (async () => true),
    onError,
    resources: (hosts) => [hooksResource(hooks.endpoint, hosts, onError)],
  });
  const url = `${server.origin}/hooks/claude-code`;
  writeFileSync(
    settings,
    JSON.stringify(withHooks({}, { url, command: 'tally hook claude-code', token, closed })),
  );
  const transcript = join(home, `${SESSION}.jsonl`);
  let over = false;
  async function close(): Promise<void> {
    if (over) return;
    over = true;
    await server.close();
    await hooks.close();
    await recorder.close('the end of the test').catch(() => undefined);
  }
  t.after(async () => {
    await close();
    if (options.home === undefined) rmSync(home, { recursive: true, force: true });
    assert.deepEqual(faults, [], 'no fault of ours');
  });
  const entries = (type?: string): readonly Entry[] =>
    entriesOf(box.disk).filter((entry) => type === undefined || entry.type === type);

  async function post(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }

  return {
    ...served,
    box,
    home,
    token,
    url,
    transcript,
    faults,
    post,
    hook: (event, more = {}) =>
      post({
        session_id: SESSION,
        transcript_path: transcript,
        cwd: '/work',
        permission_mode: 'default',
        hook_event_name: event,
        ...more,
      }),
    tell: (...lines) => appendFileSync(transcript, lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
    entries,
    async until(type, count = 1) {
      for (let tries = 0; tries < 1000; tries++) {
        const found = entries(type);
        if (found.length >= count) return found;
        await pause(10);
      }
      throw new Error(`no ${count} entries of type ${type}`);
    },
    settle: () => hooks.close(),
    async again(more = {}) {
      await close();
      return stage(t, { ...options, box, home, token, ...more });
    },
    close,
  };
}

export const bash = (id: string, command: string): Record<string, unknown> => ({
  tool_name: 'Bash',
  tool_input: { command, description: 'x' },
  tool_use_id: id,
});

/** A line of a transcript that calls a tool, and one that has its result. */
export const calls = (id: string, name = 'Bash', ts = '2026-11-20T10:00:00.000Z'): unknown => ({
  type: 'assistant',
  sessionId: SESSION,
  version: '2.1.330',
  timestamp: ts,
  message: { id: `msg_${id}`, role: 'assistant', content: [{ type: 'tool_use', id, name, input: {} }] },
});
export const result = (id: string, content: string, failed = false): unknown => ({
  type: 'user',
  sessionId: SESSION,
  version: '2.1.330',
  timestamp: '2026-11-20T10:00:01.000Z',
  message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content, is_error: failed }] },
});
