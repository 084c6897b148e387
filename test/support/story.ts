/** A week of three agents and two people, through the real recorder: the same entries each time. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Event } from '../../src/core/entry.ts';
import type { Receipt } from '../../src/recorder/api.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { type Machine, machine } from './recorder.ts';

export const STORY_START = Date.UTC(2026, 10, 9, 6);
const HOUR = 3_600_000;
const MINUTE = 60_000;

export interface Story {
  readonly vkey: string;
  readonly entries: number;
  /** Runs that a timeline is worth looking at. */
  readonly runs: { readonly books: string; readonly research: string; readonly open: string };
  /** Indexes of calls that waited for a person. */
  readonly asked: readonly number[];
}

const PROXY = { surface: 'proxy', assurance: 'enforced' } as const;
const SDK = { surface: 'sdk', assurance: 'self_reported' } as const;
const CLI = { surface: 'cli', assurance: 'enforced' } as const;

interface Call {
  readonly run?: string;
  readonly agent: string;
  readonly level?: 'issued' | 'declared';
  readonly chain?: readonly string[];
  readonly parent?: string;
  readonly method?: string;
  readonly host: string;
  readonly path: string;
  readonly credential: string;
  readonly reason?: string;
  readonly stop?: readonly [layer: string, reason: string];
  readonly approval?: 'needed' | string;
  readonly code?: number;
  readonly error?: string;
  readonly redacted?: boolean;
  readonly ms: number;
  readonly open?: boolean;
}

/** `scale`: how many calls an ordinary hour has, times. */
export async function writeStory(home: string, scale = 1): Promise<Story> {
  const box = await machine();
  box.clock.ms = STORY_START;
  const recorder = await box.open();
  const told = await tell(box, recorder, scale);
  await recorder.checkpoint();
  const entries = recorder.size();
  await save(box, home);
  return { vkey: box.vkey, entries, ...told };
}

async function save(box: Machine, home: string): Promise<void> {
  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    await mkdir(dirname(join(home, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(home, path), bytes, { mode: 0o600 });
  };
  for (const [name, bytes] of box.disk.objects) await put(`logs/local/${name}`, bytes);
  for (const [first, bytes] of box.disk.segments)
    await put(`logs/local/entries/${String(first).padStart(12, '0')}.jsonl`, bytes);
  for (const [name, bytes] of box.heads) await put(`heads/${name}`, bytes);
  await put('heads/local/vkey', Buffer.from(`${box.vkey}\n`));
}

/** Always the same: a number below `below` for a name. */
function pick(name: string, below: number): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0) % below;
}

async function tell(
  box: Machine,
  recorder: LocalRecorder,
  scale: number,
): Promise<Pick<Story, 'runs' | 'asked'>> {
  const asked: number[] = [];
  const wait = (ms: number): void => {
    box.clock.ms += ms;
  };
  const note = (event: Event, producer: typeof PROXY | typeof SDK | typeof CLI = PROXY): Promise<Receipt> =>
    recorder.record(event, producer);

  async function call(name: string, it: Call): Promise<Receipt> {
    const { stop, approval } = it;
    const outcome = stop !== undefined ? 'stop' : approval === 'needed' ? 'approval_required' : 'allow';
    const layers = ['kill_switch', 'identity', 'allowlist', 'credential', 'permission'];
    const decisive = stop?.[0] ?? (approval === 'needed' ? 'permission' : undefined);
    const until = decisive === undefined ? layers.length : layers.indexOf(decisive) + 1;
    const reason = stop?.[1] ?? (approval === 'needed' ? 'policy_approval_required' : undefined);
    const first = await note({
      type: 'http.call',
      phase: 'pre_exec',
      ...(it.run === undefined ? {} : { run_id: it.run }),
      ...(it.parent === undefined ? {} : { parent_id: it.parent }),
      ...(it.reason === undefined ? {} : { reason: it.reason }),
      actor: {
        agent_id: it.agent,
        identity_level: it.level ?? 'issued',
        ...(it.chain === undefined ? {} : { delegation_chain: [...it.chain] }),
      },
      action: {
        name: 'http.call',
        target: { scheme: 'https', host: it.host, port: 443, path: it.path, method: it.method ?? 'GET' },
      },
      credentials: [{ ref: it.credential, injection_style: 'bearer', provider: 'vault' }],
      decision: {
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(decisive === undefined ? {} : { layer: decisive }),
        ...(approval === undefined || approval === 'needed' ? {} : { approval: { id: approval } }),
        layers: layers.slice(0, until).map((layer, at) => ({
          layer,
          result: layer === decisive ? 'fail' : 'pass',
          us: 1 + pick(`${name}${at}`, 5),
        })),
      },
    });
    if (it.open === true) return first;
    wait(it.ms);
    const status =
      stop !== undefined
        ? 'blocked'
        : approval === 'needed'
          ? 'pending'
          : it.error === undefined
            ? 'ok'
            : 'error';
    await note({
      type: 'http.call',
      phase: 'post_exec',
      parent_id: first.id,
      outcome: {
        status,
        duration_ms: it.ms,
        ...(status === 'ok' ? { status_code: it.code ?? 200, bytes_in: 200 + pick(name, 9000) } : {}),
        ...(it.error === undefined ? {} : { error_kind: it.error, error: `the upstream: ${it.error}` }),
        ...(it.redacted === true
          ? { redacted: true, redaction: { count: 1, rules: { [it.credential]: 1 } } }
          : {}),
      },
    });
    return first;
  }

  async function start(run: string, agent: string, user: string, reason: string): Promise<Receipt> {
    return note(
      {
        type: 'run.start',
        phase: 'point',
        run_id: run,
        reason,
        actor: { agent_id: agent, identity_level: 'declared', user: { id: user }, os: { user } },
        metadata: { command: 'node', started_by: 'operator' },
      },
      CLI,
    );
  }

  async function end(run: string, agent: string, status: 'ok' | 'error'): Promise<void> {
    await note(
      { type: 'run.end', phase: 'point', run_id: run, actor: { agent_id: agent }, outcome: { status } },
      CLI,
    );
  }

  async function approval(of: Receipt, run: string, answer: 'grant' | 'deny' | 'expire', by: string) {
    asked.push(of.index);
    wait(400);
    const request = await note({
      type: 'approval.request',
      phase: 'point',
      parent_id: of.id,
      run_id: run,
      actor: { agent_id: 'bookkeeper', identity_level: 'issued' },
      metadata: { shown: { amount: '12,400.00 EUR', to: 'ACME Paper GmbH' } },
    });
    wait((3 + pick(of.id, 9)) * MINUTE);
    const who = answer === 'expire' ? {} : { actor: { user: { id: by }, role: 'admin' as const } };
    const said = await note(
      {
        type: `approval.${answer}`,
        phase: 'point',
        parent_id: request.id,
        run_id: run,
        ...who,
        ...(answer === 'deny' ? { reason: 'not before the audit' } : {}),
      },
      CLI,
    );
    return { request, said };
  }

  const HOSTS = [
    ['bookkeeper', 'api.bank.example', '/v2/accounts', 'BANK_KEY'],
    ['bookkeeper', 'api.invoices.example', '/v1/invoices', 'INVOICES_KEY'],
    ['builder', 'api.github.example', '/repos/acme/site', 'GITHUB_TOKEN'],
    ['builder', 'registry.npm.example', '/-/whoami', 'NPM_TOKEN'],
    ['researcher', 'search.example', '/v1/search', 'SEARCH_KEY'],
    ['researcher', 'models.llm.example', '/v1/messages', 'LLM_KEY'],
  ] as const;

  /** What goes on all day: short runs. */
  async function ordinary(hour: number): Promise<void> {
    const day = new Date(STORY_START + hour * HOUR);
    const office = day.getUTCHours() >= 7 && day.getUTCHours() < 18 && day.getUTCDay() % 6 !== 0;
    const runs = Math.round((office ? 2 + pick(`h${hour}`, 3) : pick(`h${hour}`, 5) === 0 ? 1 : 0) * scale);
    for (let r = 0; r < runs; r++) {
      const name = `${hour}.${r}`;
      const [agent] = HOSTS[pick(name, HOSTS.length)] ?? HOSTS[0];
      const run = `run_${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
      await start(run, agent, pick(name, 3) === 0 ? 'ada' : 'kim', `scheduled work of ${agent}`);
      const mine = HOSTS.filter((each) => each[0] === agent);
      let failed = false;
      for (let c = 0; c < 2 + pick(`${name}n`, 6); c++) {
        const [, host, path, credential] = mine[pick(`${name}c${c}`, mine.length)] ?? HOSTS[0];
        const luck = pick(`${name}l${c}`, 100);
        const ms = 20 + pick(`${name}m${c}`, 900);
        wait(pick(`${name}w${c}`, 20_000));
        const base = { run, agent, path: `${path}/${pick(`${name}p${c}`, 500)}`, credential, ms };
        if (luck < 4)
          await call(name + c, {
            ...base,
            host: 'paste.example',
            method: 'POST',
            stop: ['allowlist', 'domain_not_in_allowlist'],
            ms: 1,
          });
        else if (luck < 7)
          await call(name + c, {
            ...base,
            host,
            method: 'DELETE',
            stop: ['credential', 'method_not_allowed'],
            ms: 1,
          });
        else if (luck < 10) await call(name + c, { ...base, host, error: 'timeout', ms: 10_000 });
        else {
          const code = luck < 14 ? 500 : luck < 20 ? 404 : 200;
          failed ||= code === 500;
          await call(name + c, { ...base, host, code, redacted: luck > 94 });
        }
      }
      await end(run, agent, failed ? 'error' : 'ok');
      wait(pick(`${name}e`, 4) * MINUTE);
    }
  }

  async function books(): Promise<string> {
    const run = 'run_books_november';
    const agent = 'bookkeeper';
    const bank = { run, agent, host: 'api.bank.example', credential: 'BANK_KEY' };
    await start(run, agent, 'kim', 'close the books of November');
    wait(1_200);
    await call('b1', { ...bank, path: '/v2/accounts/main', ms: 240 });
    wait(700);
    await call('b2', { ...bank, path: '/v2/accounts/main/lines', ms: 1_400, redacted: true });
    wait(2_100);
    await call('b3', {
      ...bank,
      host: 'paste.example',
      method: 'POST',
      path: '/new',
      ms: 1,
      stop: ['allowlist', 'domain_not_in_allowlist'],
    });
    wait(900);
    const pay = { ...bank, method: 'POST', path: '/v2/payments', reason: 'pay invoice 4711 of ACME Paper' };
    const first = await call('b4', { ...pay, approval: 'needed', ms: 2 });
    const { request, said } = await approval(first, run, 'grant', 'ada');
    wait(1_500);
    await call('b5', { ...pay, parent: request.id, approval: said.id, code: 201, ms: 820 });
    wait(3_000);
    const second = await call('b6', {
      ...pay,
      path: '/v2/payments',
      reason: 'pay invoice 4712 twice',
      approval: 'needed',
      ms: 2,
    });
    await approval(second, run, 'deny', 'ada');
    wait(900);
    await call('b7', {
      ...bank,
      host: 'api.invoices.example',
      path: '/v1/invoices/4711',
      method: 'PATCH',
      credential: 'INVOICES_KEY',
      code: 409,
      ms: 310,
    });
    wait(400);
    await end(run, agent, 'ok');
    return run;
  }

  async function research(): Promise<string> {
    const run = 'run_market_study';
    const lead = 'researcher';
    const llm = {
      run,
      host: 'models.llm.example',
      credential: 'LLM_KEY',
      method: 'POST',
      path: '/v1/messages',
    };
    await start(run, lead, 'ada', 'what do paper suppliers charge?');
    wait(500);
    await call('r1', { ...llm, agent: lead, ms: 4_300 });
    const plan = await note(
      {
        type: 'tool.call',
        phase: 'pre_exec',
        run_id: run,
        actor: { agent_id: lead },
        action: { name: 'plan.split', tool: { name: 'plan.split', server: 'planner' }, args: { parts: 2 } },
      },
      SDK,
    );
    for (const part of ['reader', 'checker'] as const) {
      const sub = { run, agent: part, chain: [lead], level: 'declared' } as const;
      wait(300);
      for (let n = 0; n < (part === 'reader' ? 3 : 1); n++) {
        wait(200);
        const found = await call(`r${part}${n}`, {
          ...sub,
          host: 'search.example',
          credential: 'SEARCH_KEY',
          path: `/v1/search/${n}`,
          ms: 600 + 300 * n,
        });
        if (n === 1)
          await call(`r${part}x`, {
            ...sub,
            parent: found.id,
            host: 'cdn.search.example',
            credential: 'SEARCH_KEY',
            path: '/cache/9f',
            ms: 90,
            code: 404,
          });
      }
      if (part === 'checker')
        await call('rc', { ...llm, agent: 'quoter', chain: [lead, part], level: 'declared', ms: 2_600 });
    }
    await note(
      {
        type: 'tool.call',
        phase: 'post_exec',
        parent_id: plan.id,
        outcome: { status: 'ok', duration_ms: 6_100 },
      },
      SDK,
    );
    wait(700);
    await call('r9', { ...llm, agent: lead, ms: 3_900, redacted: true });
    await end(run, lead, 'ok');
    return run;
  }

  async function left(): Promise<string> {
    const run = 'run_site_deploy';
    const agent = 'builder';
    await start(run, agent, 'kim', 'deploy the site');
    const github = {
      run,
      agent,
      host: 'api.github.example',
      credential: 'GITHUB_TOKEN',
      path: '/repos/acme/site',
    };
    wait(800);
    await call('o1', { ...github, ms: 310 });
    wait(600);
    await call('o2', { ...github, path: '/repos/acme/site/deployments', method: 'POST', code: 201, ms: 720 });
    wait(300);
    await call('o3', { ...github, path: '/repos/acme/site/deployments/1/statuses', ms: 0, open: true });
    return run;
  }

  const hours = 7 * 24;
  let booked = '';
  let studied = '';
  for (let hour = 0; hour < hours; hour++) {
    box.clock.ms = Math.max(box.clock.ms, STORY_START + hour * HOUR);
    await ordinary(hour);
    if (hour === 100) booked = await books();
    if (hour === 148) studied = await research();
  }
  return { runs: { books: booked, research: studied, open: await left() }, asked };
}
