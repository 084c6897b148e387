import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogStore } from '../../src/core/ports.ts';
import { createBriefService } from '../../src/recorder/brief-service.ts';
import { OPS, type Op } from '../../src/recorder/ops.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { PERSON, serviceOf } from '../support/serve.ts';
import { assertVerifies } from '../support/verify.ts';

const ACCESS = { operation: 'get', key: 'DATABASE_URL' } as const;

async function opened(box: Machine, wrap?: (store: LogStore) => LogStore) {
  const recorder = await box.open({ brief: true, ...(wrap === undefined ? {} : { wrap }) });
  return { recorder, ...serviceOf(recorder, {}, createBriefService) };
}

const typesIn = ({ disk }: Machine): readonly string[] => entriesOf(disk).map(({ type }) => type);

/** What was appended at once. */
function counting(writes: number[]): (store: LogStore) => LogStore {
  return (store) => ({
    ...store,
    async append(bytes) {
      await store.append(bytes);
      writes.push(Buffer.from(bytes).toString('utf8').split('\n').length - 1);
    },
  });
}

test('the start of a recorder for one access is on the disk with that access, by one write', async () => {
  const box = await machine();
  const writes: number[] = [];
  const { recorder, handle } = await opened(box, counting(writes));
  assert.deepEqual(typesIn(box), []);
  const { outcome } = await handle('secret.access', ACCESS, PERSON);
  assert.equal(outcome, 'allow');
  assert.deepEqual([typesIn(box), writes], [['log.open', 'policy.snapshot', 'secret.access'], [3]]);
  await recorder.close('test');
  await assertVerifies(box);
});

test('a start that nothing follows is written with its end', async () => {
  const box = await machine();
  const { recorder } = await opened(box);
  await recorder.close('test');
  assert.deepEqual(typesIn(box), ['log.open', 'log.close']);
  await assertVerifies(box);
});

test('what a start has found is written at once', async () => {
  const box = await machine();
  const first = await box.open();
  await first.close('test');
  const [[segment = 0, bytes = Buffer.alloc(0)] = []] = box.disk.segments;
  box.disk.segments.set(segment, Buffer.concat([bytes, Buffer.from('{"half":')]));
  const { recorder } = await opened(box);
  assert.deepEqual(typesIn(box).slice(2), ['log.recover', 'log.open']);
  await recorder.close('test');
  await assertVerifies(box);
});

test('an access is refused when its start cannot be written, and nothing of it counts', async () => {
  const box = await machine();
  const { recorder, handle } = await opened(box, (store) => ({
    ...store,
    append: async () => {
      throw new Error('the disk is full');
    },
  }));
  await assert.rejects(handle('secret.access', ACCESS, PERSON), { code: 'LOG_WRITE_FAILED' });
  await assert.rejects(recorder.close('test'), { code: 'LOG_WRITE_FAILED' });
  assert.deepEqual(typesIn(box), []);
});

test('it signs when it is asked to, and all of it when it is closed', async () => {
  const box = await machine();
  const { recorder, handle } = await opened(box);
  await handle('secret.access', ACCESS, PERSON);
  assert.equal(recorder.signed(), 0);
  await handle('checkpoint', {}, PERSON);
  assert.equal(recorder.signed(), 3);
  await recorder.close('test');
  assert.equal(recorder.signed(), recorder.size());
});

test('whatever else is asked of it is carried out too', async () => {
  const box = await machine();
  const { recorder, handle } = await opened(box);
  const { run_id, token } = await handle('run.start', { agent_id: 'builder' }, PERSON);
  await handle('run.end', { run_id, run_token: token, outcome: { status: 'ok' } }, PERSON);
  assert.equal((await handle('status', {}, PERSON)).size, 3);
  await recorder.close('test');
  assert.deepEqual(typesIn(box), ['log.open', 'run.start', 'run.end', 'log.close']);
});

test('requests of another shape are refused as by any recorder, whichever they are', async () => {
  const brief = await opened(await machine());
  const whole = await (await machine()).open();
  const { handle } = serviceOf(whole);
  for (const op of Object.keys(OPS) as Op[]) {
    const [by, as] = await Promise.all(
      [brief.handle, handle].map((ask) =>
        ask(op, 'no request', PERSON).catch((error: unknown) => String(error)),
      ),
    );
    assert.deepEqual([op, by], [op, as]);
  }
  await brief.recorder.close('test');
  await whole.close('test');
});
