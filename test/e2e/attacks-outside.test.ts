/**
 * The attacks of docs/threat-model.md that only something outside of the machine catches, and what a lying outsider
 * can do, by their numbers: real witnesses, another disk, the real command.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileIn, readEntries, readSigner, signAnew } from '../support/forge.ts';
import { type Home, makeHome } from '../support/home.ts';

const SEGMENT = 65_536;

interface Ready {
  readonly url: string;
  readonly vkey: string;
}

interface Verdicts {
  readonly exit_code: number;
  readonly append_only: { readonly status: string; readonly note?: string };
  readonly anchored: { readonly status: string; readonly lost_count?: number };
}

/** The first line of standard output, which says that it is ready. */
async function ready(child: ChildProcess): Promise<Ready> {
  assert.ok(child.stdout);
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as Ready;
  throw new Error('it ended before it was ready');
}

describe('an attack that the outside has to catch:', () => {
  let home: Home;
  let vkey: string;
  let witness: Ready;
  let disk: string;
  const at = (...path: string[]): string => join(home.paths.state, ...path);

  async function ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await home.tally(args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async function verify(...args: readonly string[]): Promise<Verdicts> {
    return JSON.parse((await home.tally(['verify', '--json', ...args])).stdout) as Verdicts;
  }

  const failures = async (): Promise<string[]> =>
    (await readEntries(at('logs/local'))).filter((line) => line.includes('"type":"anchor.fail"'));

  const startWitness = (name: string): Promise<Ready> =>
    ready(
      home.start(
        [
          'witness',
          'serve',
          '--port',
          '0',
          '--dir',
          join(home.directory, name),
          '--name',
          `${name}.example/w`,
        ].concat('--log', vkey, '--json'),
      ),
    );

  /** Does `attack`, and puts the machine back as it was. */
  async function undone(attack: () => Promise<void>): Promise<void> {
    const honest = join(home.directory, 'honest');
    await cp(home.paths.state, honest, { recursive: true });
    await cp(disk, `${honest}-disk`, { recursive: true });
    try {
      await attack();
    } finally {
      for (const part of ['logs', 'heads', 'keys', 'registry', 'config.yaml']) {
        await rm(at(part), { recursive: true, force: true });
        await cp(join(honest, part), at(part), { recursive: true });
      }
      // It would rightly take what is recorded next for a fork of what it was shown.
      await rm(disk, { recursive: true });
      await cp(`${honest}-disk`, disk, { recursive: true });
      for (const made of [honest, `${honest}-disk`]) await rm(made, { recursive: true });
    }
  }

  before(async () => {
    home = await makeHome();
    disk = join(home.directory, 'disk');
    await mkdir(disk);
    await ok('agent', 'register', 'first-bot');
    vkey = (await readFile(at('heads/local/vkey'), 'utf8')).trim();
    witness = await startWitness('honest-witness');
    await ok('anchor', 'add', 'file', 'disk', disk);
    await ok('witness', 'add', witness.url, witness.vkey, '--name', 'w1');
    await ok('anchor', 'run');
    for (const part of ['logs', 'heads'])
      await cp(at(part), join(home.directory, 'backup', part), { recursive: true });
    await ok('agent', 'register', 'second-bot');
    await ok('anchor', 'run');
  });
  after(() => home.remove());

  async function putBack(): Promise<void> {
    for (const part of ['logs', 'heads']) {
      await rm(at(part), { recursive: true });
      await cp(join(home.directory, 'backup', part), at(part), { recursive: true });
    }
  }

  it('0: none, and everything holds', async () => {
    const verdicts = await verify();
    assert.equal(verdicts.exit_code, 0);
    assert.equal(verdicts.anchored.status, 'pass');
  });

  it('12: the log and heads/ are put back together: the other disk shows it', () =>
    undone(async () => {
      await putBack();
      const verdicts = await verify();
      assert.equal(verdicts.exit_code, 6);
      assert.equal(verdicts.append_only.status, 'fail');
      assert.match(verdicts.append_only.note ?? '', /anchor/);
    }));

  it('12: the log and heads/ are put back together: the witness has seen more, and says so', () =>
    undone(async () => {
      await ok('anchor', 'remove', 'disk');
      await putBack();
      assert.equal((await verify()).exit_code, 0, 'nothing on the machine can show it');
      const run = await home.tally(['anchor', 'run']);
      assert.equal(run.code, 6, run.stderr);
      assert.match((await failures()).at(-1) ?? '', /ANCHOR_CONFLICT/);
    }));

  it('12: a history made again with the key of today and remembered everywhere is shown by the other disk', () =>
    undone(async () => {
      const lines = await readEntries(at('logs/local'));
      const signer = await readSigner(at('keys/local.key'));
      const forged = lines.map((line) => line.replace('first-bot', 'other-bot'));
      const note = await signAnew(at('logs/local'), forged, [signer], SEGMENT);
      await writeFile(at('heads/local/checkpoint'), note);
      await rm(at('logs/local/anchors'), { recursive: true });
      const verdicts = await verify();
      assert.equal(verdicts.exit_code, 6);
      assert.equal(verdicts.append_only.status, 'fail');
    }));

  it('16: the receipt of an anchor is removed: the entry that tells of it stands', () =>
    undone(async () => {
      await rm(await fileIn(at('logs/local/anchors/w1'), '.note'));
      const verdicts = await verify();
      assert.equal(verdicts.anchored.status, 'incomplete');
      assert.ok((verdicts.anchored.lost_count ?? 0) > 0);
    }));

  for (const [number, what, answer] of [
    [17, 'cosigns another checkpoint', (genuine: string) => ({ code: 200, body: genuine })],
    [18, 'claims to have seen a longer log', () => ({ code: 409, body: '1000000\n' })],
  ] as const) {
    it(`${number}: a witness ${what}: it is refused and on record, and nothing else changes`, () =>
      undone(async () => {
        const genuine = await readFile(await fileIn(at('logs/local/anchors/w1'), '.note'), 'utf8');
        const line = `${genuine.trimEnd().split('\n').at(-1)}\n`;
        const liar = createServer((request, response) => {
          request.resume().on('end', () => {
            const { code, body } = answer(line);
            response.writeHead(code, { 'content-type': code === 409 ? 'text/x.tlog.size' : 'text/plain' });
            response.end(body);
          });
        });
        await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
        try {
          const { port } = liar.address() as AddressInfo;
          await ok('anchor', 'remove', 'w1');
          await ok('witness', 'add', `http://127.0.0.1:${port}`, witness.vkey, '--name', 'liar');
          await ok('agent', 'register', 'third-bot');
          assert.notEqual((await home.tally(['anchor', 'run', 'liar'])).code, 0);
          assert.match((await failures()).at(-1) ?? '', /liar/);
          assert.match((await failures()).at(-1) ?? '', number === 18 ? /ANCHOR_CONFLICT/ : /ANCHOR_FAILED/);
          await ok('anchor', 'run', 'disk');
          await ok('agent', 'register', 'fourth-bot');
          const verdicts = await verify();
          assert.equal(verdicts.exit_code, 0);
          assert.equal(verdicts.append_only.status, 'pass');
          assert.equal(verdicts.anchored.status, 'incomplete', 'no receipt of the liar is taken for one');
        } finally {
          liar.close();
        }
      }));
  }

  it('19: two readers are shown two histories: a witness cosigns only one of them', () =>
    undone(async () => {
      await ok('anchor', 'remove', 'disk');
      const lines = await readEntries(at('logs/local'));
      const signer = await readSigner(at('keys/local.key'));
      const forged = lines.map((line) => line.replace('first-bot', 'other-bot'));
      const note = await signAnew(at('logs/local'), forged, [signer], SEGMENT);
      await writeFile(at('heads/local/checkpoint'), note);
      await rm(at('logs/local/anchors'), { recursive: true });
      assert.equal((await home.tally(['anchor', 'run', 'w1'])).code, 6);
      assert.match((await failures()).at(-1) ?? '', /ANCHOR_CONFLICT/);
    }));
});
