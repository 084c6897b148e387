/**
 * litewitness, a witness that shares no code with this project (Debian's package torchwood), on a scratch
 * port with a key of its own.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Signer } from '../../src/core/tlog/key.ts';
import { scratch } from './witness.ts';

const run = promisify(execFile);

export interface Litewitness {
  readonly url: string;
  readonly vkey: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves with what came when one of the outputs of `child` matches. */
function said(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let all = '';
    const look = (part: Buffer): void => {
      all += part.toString();
      const found = pattern.exec(all);
      if (found !== null) resolve(found);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${all}`)));
  });
}

/** Whether it can run here. */
export function hasLitewitness(): boolean {
  const programs = ['litewitness', 'witnessctl', 'ssh-agent', 'ssh-add', 'ssh-keygen'];
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return programs.every((program) => folders.some((folder) => existsSync(join(folder, program))));
}

export async function startLitewitness(t: TestContext, trusts: readonly Signer[]): Promise<Litewitness> {
  const children: ChildProcess[] = [];
  t.after(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  const directory = await scratch(t);
  const socket = join(directory, 'agent');
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  const database = join(directory, 'witness.db');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'key')]);
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(agent);
  await said(agent, /SSH_AUTH_SOCK/);
  await run('ssh-add', ['-q', join(directory, 'key')], { env });
  for (const { name, vkey } of trusts) {
    await run('witnessctl', ['add-log', '-db', database, '-origin', name]);
    await run('witnessctl', ['add-key', '-db', database, '-origin', name, '-key', vkey]);
  }
  const port = await freePort();
  const fingerprint =
    (await run('ssh-keygen', ['-lf', join(directory, 'key.pub')])).stdout.split(' ')[1] ?? '';
  const args = ['-db', database, '-name', 'witness.example/lite', '-key', fingerprint, '-ssh-agent', socket];
  const witness = spawn('litewitness', [...args, '-listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(witness);
  const [, vkey = ''] = await said(witness, /vkey=(\S+)[\s\S]*msg=listening/);
  // The key that ssh-keygen wrote, so that its vkey is not only what the witness claims.
  const blob = Buffer.from(
    (await readFile(join(directory, 'key.pub'), 'utf8')).split(' ')[1] ?? '',
    'base64',
  );
  const published = Buffer.concat([Buffer.of(4), blob.subarray(-32)]).toString('base64');
  if (!vkey.endsWith(`+${published}`)) throw new Error(`litewitness uses another key than its own: ${vkey}`);
  return { url: `http://127.0.0.1:${port}`, vkey };
}
