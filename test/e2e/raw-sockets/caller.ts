/** Carries one plan out over a socket of its own, and tells what came back. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { bytesOf, type World } from './bytes.ts';
import { frameBytes } from './frames.ts';
import { helloBytes } from './hello.ts';
import { isPlain, type Plan } from './plans.ts';

export interface Came {
  readonly bytes: Buffer;
  /** False: nobody listened. */
  readonly connected: boolean;
  /** A plain request that nobody answered in time. */
  readonly hung: boolean;
  /** What came back unread is not what was sent. */
  readonly altered?: boolean;
}

/** A sound request is answered long before. */
const ANSWER_MS = 30_000;
/** What is odd need not be: the broker may wait for the rest. */
const ODD_MS = 1_000;
/** After the last byte of an answer. */
const QUIET_MS = 25;

const HEAD_END = Buffer.from('\r\n\r\n');

function damaged(bytes: Buffer, damage: Plan['damage']): Buffer {
  const copy = Buffer.from(bytes);
  for (const [at, xor] of damage) if (at < copy.length) copy[at] = (copy[at] as number) ^ xor;
  return copy;
}

async function writeCut(socket: Socket, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  const places = [...cuts.map((part) => Math.floor(part * bytes.length)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of places) {
    if (socket.destroyed || !socket.writable) return;
    socket.write(bytes.subarray(from, to));
    from = to;
    await new Promise(setImmediate);
  }
}

/** What comes until it is quiet, closed or too late. */
function gather(socket: Socket, longest: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let quiet: NodeJS.Timeout | undefined;
    const late = setTimeout(done, longest);
    function onData(chunk: Buffer): void {
      chunks.push(chunk);
      clearTimeout(quiet);
      quiet = setTimeout(done, QUIET_MS);
    }
    function done(): void {
      clearTimeout(late);
      clearTimeout(quiet);
      socket.off('data', onData).off('close', done).off('end', done);
      resolve(Buffer.concat(chunks));
    }
    socket.on('data', onData).on('close', done).on('end', done);
  });
}

/** Whether there is a tunnel. */
async function openTunnel(socket: Socket, plan: Plan, world: World, to: string): Promise<boolean> {
  const token = Buffer.from(`run:${world.runToken}`).toString('base64');
  const proof = plan.requests[0]?.proof;
  const lines = [
    `CONNECT ${to} HTTP/1.1`,
    `Host: ${to}`,
    ...(proof === 'none' ? [] : [`Proxy-Authorization: Basic ${proof === 'garbage' ? 'AAAA' : token}`]),
  ];
  socket.write(
    damaged(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), plan.noise ? [] : plan.damage),
  );
  const head = await gather(socket, ODD_MS);
  return head.includes(HEAD_END) && /^HTTP\/1\.1 200 /.test(head.toString('latin1', 0, 64));
}

async function secured(socket: Socket): Promise<Socket | undefined> {
  const inner = connectTls({
    socket,
    servername: 'localhost',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  return new Promise((resolve) => {
    const failed = (): void => {
      inner.destroy();
      resolve(undefined);
    };
    inner.on('error', failed);
    inner.once('secureConnect', () => resolve(inner));
    inner.once('close', failed);
  });
}

export async function carryOut(plan: Plan, connection: number, world: World): Promise<Came> {
  // Whoever waits for an answer has a timer; a socket that node leaves behind after a reset is to keep nobody.
  const socket = connect(world.brokerPort, '127.0.0.1').unref();
  socket.on('error', () => socket.destroy());
  const nothing: Came = { bytes: Buffer.alloc(0), connected: true, hung: false };
  let inner: Socket | undefined;
  try {
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    if (socket.destroyed) return { ...nothing, connected: false };
    let through: Socket = socket;
    if (plan.way === 'unread') return await passThrough(socket, plan, world);
    if (plan.way === 'tunnel') {
      if (!(await openTunnel(socket, plan, world, `localhost:${world.tlsPort}`))) return nothing;
      if (plan.noise || plan.hello !== undefined) {
        const first = plan.hello === undefined ? Buffer.alloc(300, 'noise') : helloBytes(plan.hello);
        const coming = gather(socket, ODD_MS);
        await writeCut(socket, damaged(first, plan.damage), plan.cuts);
        if (plan.end === 'half-close') socket.end();
        return { ...nothing, bytes: plan.end === 'vanish' ? Buffer.alloc(0) : await coming };
      }
      inner = await secured(socket);
      if (inner === undefined) return nothing;
      inner.on('error', () => socket.destroy());
      through = inner;
    }
    return await converse(through, plan, connection, world);
  } finally {
    // Inside of TLS the handle is no longer the socket's own to reset.
    inner?.destroy();
    if (plan.end === 'reset' && inner === undefined) socket.resetAndDestroy();
    else socket.destroy();
  }
}

/** Any bytes, which come back as they are from whoever echoes them. */
async function passThrough(socket: Socket, plan: Plan, world: World): Promise<Came> {
  const nothing: Came = { bytes: Buffer.alloc(0), connected: true, hung: false };
  if (!(await openTunnel(socket, { ...plan, damage: [] }, world, `127.0.0.1:${world.rawPort}`)))
    return nothing;
  const sent = damaged(
    Buffer.concat([helloBytes(plan.hello ?? 'good'), ...plan.frames.map(frameBytes)]),
    plan.damage,
  );
  const coming = gather(socket, ODD_MS);
  await writeCut(socket, sent, plan.cuts);
  if (plan.end === 'half-close') socket.end();
  if (plan.end === 'reset' || plan.end === 'vanish') return nothing;
  const bytes = await coming;
  return { ...nothing, bytes, altered: !sent.subarray(0, bytes.length).equals(bytes) };
}

async function converse(socket: Socket, plan: Plan, connection: number, world: World): Promise<Came> {
  const all = plan.requests.map((request, at) => bytesOf(request, plan.way, connection, at, world));
  const writes = plan.pipelined ? [Buffer.concat(all)] : all;
  const plain = isPlain(plan);
  const came: Buffer[] = [];
  for (const [at, bytes] of writes.entries()) {
    const coming = gather(socket, plain ? ANSWER_MS : ODD_MS);
    await writeCut(socket, plan.way === 'tunnel' ? bytes : damaged(bytes, plan.damage), plan.cuts);
    const last = at === writes.length - 1;
    if (last && plan.end === 'half-close') socket.end();
    if (last && (plan.end === 'reset' || plan.end === 'vanish')) break;
    const answer = await coming;
    came.push(answer);
    if (socket.destroyed) break;
    if (!/^HTTP\/1\.1 101 /.test(answer.toString('latin1', 0, 64))) continue;
    const echoed = gather(socket, ODD_MS);
    await writeCut(socket, Buffer.concat(plan.frames.map(frameBytes)), plan.cuts);
    if (plan.end === 'half-close') socket.end();
    came.push(await echoed);
    break;
  }
  const bytes = Buffer.concat(came);
  return { bytes, connected: true, hung: plain && bytes.length === 0 };
}
