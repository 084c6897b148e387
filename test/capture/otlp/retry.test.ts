/** A request whose recorder dies half-way is sent again: every span is then on record, and each of its entries once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOtlpReceiver } from '../../../src/capture/otlp/receive.ts';
import { type Fault, faultyStore } from '../../support/faulty.ts';
import { logJson, logsProtobuf, spanJson, tracesProtobuf } from '../../support/otlp.ts';
import { entriesOf, machine } from '../../support/recorder.ts';
import { assertVerifies } from '../../support/verify.ts';

const spans = Array.from({ length: 100 }, (_, n) =>
  spanJson({
    spanId: (n + 1).toString(16).padStart(16, '0'),
    parentSpanId: n === 0 ? '' : '0000000000000001',
  }),
);
const records = Array.from({ length: 50 }, () => logJson());
const sender = { client: { surface: 'http' }, claims: {} } as const;

describe('a request that is sent again', () => {
  for (const fault of ['write lost', 'reply lost', 'torn'] as const satisfies readonly Fault[])
    for (const occurrence of [1, 6])
      it(`after a ${fault} at write ${occurrence} is recorded whole, and nothing of it twice`, async () => {
        const box = await machine();
        const dying = await box.open({
          payloads: {},
          wrap: (store) => faultyStore(store, { step: 'append', occurrence, fault }),
        });
        const bodies = [tracesProtobuf(spans), logsProtobuf(records)] as const;
        const send = async (recorder: typeof dying): Promise<void> => {
          const { receive } = createOtlpReceiver(recorder, () => true);
          for (const [at, signal] of (['traces', 'logs'] as const).entries()) {
            const taken = await receive(signal, 'protobuf', bodies[at] ?? new Uint8Array(), sender);
            assert.deepEqual([taken.rejected, taken.message], [0, '']);
          }
        };
        await assert.rejects(send(dying), { code: 'LOG_WRITE_FAILED' });
        await dying.close('it is dead').catch(() => undefined);
        const again = await box.open({ payloads: {} });
        await send(again);
        await send(again);
        await again.close('test');
        const own = entriesOf(box.disk).filter(({ source }) => source.surface === 'otlp');
        const ids = own.map(({ id }) => id);
        assert.equal(new Set(ids).size, ids.length);
        const begun = own.filter(({ type }) => type === 'tool.call');
        // One that the dead recorder left open was perhaps closed as unknown before its end came.
        const ends = new Set(
          own
            .filter(({ type, outcome }) => type === 'tool.result' && outcome?.status === 'error')
            .map((end) => end.parent_id),
        );
        assert.deepEqual([begun.length, ends.size], [spans.length, spans.length]);
        for (const { id } of begun) assert.ok(ends.has(id));
        assert.equal(own.filter(({ type }) => type === 'user.message').length, records.length);
        await assertVerifies(box);
      });
});
