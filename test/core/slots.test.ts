import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSlots } from '../../src/core/slots.ts';

describe('places for what is under way', () => {
  it('hold what was put in and not taken out, whatever the order, and are used again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9)), (steps) => {
        const slots = createSlots<{ readonly n: number }>();
        const inside = new Map<{ readonly n: number }, number>();
        let most = 0;
        for (const [n, step] of steps.entries()) {
          const [item, at] = [...inside][step] ?? [];
          if (item === undefined || at === undefined) {
            const fresh = { n };
            inside.set(fresh, slots.put(fresh));
          } else {
            slots.take(at, item);
            // Somebody else may have the place by now.
            slots.take(at, item);
            inside.delete(item);
            assert.equal(slots.get(at), undefined);
          }
          most = Math.max(most, inside.size);
          assert.deepEqual(new Set(slots.all()), new Set(inside.keys()));
          assert.equal(slots.size(), inside.size);
          for (const [one, place] of inside) assert.ok(slots.get(place) === one && place < most);
        }
      }),
    );
  });
});
