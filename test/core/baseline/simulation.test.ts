/** What spec/baseline.md says was measured, on smaller numbers: seeds decide everything, so the figures never move. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { ALARM, type Deviation, LOOK } from '../../../src/core/baseline/deviation.ts';
import { createLiveBaseline, judge } from '../../../src/core/baseline/judge.ts';
import { learn } from '../../../src/core/baseline/learn.ts';
import type { Model } from '../../../src/core/baseline/model.ts';
import type { Row } from '../../../src/core/query/row.ts';
import { PLANTS } from './plant.ts';
import { at, dayOfRows, daysOfRows, type Habits, habitsOf } from './simulate.ts';

const AGENTS = 200;
const DAYS = 30;

function modelOf(habits: Habits): Model {
  return learn(daysOfRows(habits, 0, DAYS), { agent: habits.agent, since: at(0), until: at(DAYS) });
}

function byHour(rows: readonly Row[]): Row[][] {
  const hours = new Map<string, Row[]>();
  for (const row of rows) {
    const of = hours.get(row.ts?.slice(0, 13) ?? '') ?? [];
    hours.set(row.ts?.slice(0, 13) ?? '', of);
    of.push(row);
  }
  return [...hours.values()];
}

const above = (found: readonly Deviation[], score: number): boolean =>
  found.some((each) => each.score >= score);

describe('two hundred quiet agents', () => {
  let hours = 0;
  let alarms = 0;
  let looks = 0;
  let live = 0;

  before(() => {
    for (let seed = 1; seed <= AGENTS; seed++) {
      const habits = habitsOf(seed, { outages: false });
      const model = modelOf(habits);
      const today = dayOfRows(habits, DAYS);
      const following = createLiveBaseline(model);
      for (const row of today) for (const { score } of following.add(row)) if (score >= ALARM) live++;
      for (const rows of byHour(today)) {
        hours++;
        const found = judge(model, rows);
        if (above(found, ALARM)) alarms++;
        if (above(found, LOOK)) looks++;
      }
    }
  });

  it('raise next to no alarm on a day like all others', (t) => {
    t.diagnostic(`${hours} hours: ${alarms} alarms, ${looks} worth a look; live: ${live} alarms`);
    assert.ok(hours > 500);
    assert.ok(alarms <= hours * 0.002, `${alarms} of ${hours} hours`);
    assert.ok(live <= AGENTS * 0.01, `${live} of ${AGENTS} days`);
  });

  it('are worth a look in few hours', () => {
    assert.ok(looks <= hours * 0.05, `${looks} of ${hours} hours`);
  });
});

describe('what was planted', () => {
  const agents: { readonly habits: Habits; readonly model: Model }[] = [];
  before(() => {
    for (let seed = 1001; seed <= 1030; seed++) {
      const habits = habitsOf(seed);
      agents.push({ habits, model: modelOf(habits) });
    }
  });

  for (const { name, kinds, plant } of PLANTS)
    it(`is found: ${name}`, (t) => {
      let planted = 0;
      let looked = 0;
      let alarmed = 0;
      for (const { habits, model } of agents) {
        const rows = plant(habits, DAYS) ?? plant(habits, DAYS + 1) ?? plant(habits, DAYS + 2);
        if (rows === undefined) continue;
        planted++;
        const found = judge(model, rows).filter(({ kind }) => kinds.includes(kind));
        if (above(found, LOOK)) looked++;
        if (above(found, ALARM)) alarmed++;
      }
      t.diagnostic(`${planted} planted: ${looked} worth a look, ${alarmed} alarms`);
      assert.ok(planted >= 20);
      assert.ok(looked >= planted * 0.9, `${looked} of ${planted}`);
      // A time of day needs two months to be an alarm.
      if (!kinds.includes('unusual_hour')) assert.ok(alarmed >= planted * 0.6, `${alarmed} of ${planted}`);
    });
});
