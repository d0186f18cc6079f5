import { expect, test } from "bun:test";
import { alarmWords } from "../../src/cluster/alarm.ts";
import { Alarms } from "../../src/datanode/alarms.ts";
import { ALARMS_MAX } from "../../src/limits.ts";

function watched(): { alarms: Alarms; lines: string[] } {
  const lines: string[] = [];
  const say = (message: string): void => void lines.push(message);
  return { alarms: new Alarms({ debug: say, info: say, warn: say }), lines };
}

test("an alarm is raised and cleared thing by thing, and said in the log each time", () => {
  const { alarms, lines } = watched();
  alarms.raise("divergent", "/a", "/a is older here than elsewhere");
  alarms.raise("divergent", "/a", "/a is older here than elsewhere");
  alarms.raise("divergent", "/b", "/b is missing here");
  alarms.setDiskFull(true);
  expect(alarms.list()).toEqual([
    { kind: "divergent", count: 2, words: ["/a is older here than elsewhere", "/b is missing here"] },
    { kind: "disk-full", count: 1, words: ["disk full: new bytes are refused until there is room"] },
  ]);
  expect(alarms.diskFull).toBe(true);
  alarms.clear("divergent", "/a");
  alarms.clear("divergent", "/nothing");
  alarms.setDiskFull(false);
  expect(alarms.list()).toEqual([{ kind: "divergent", count: 1, words: ["/b is missing here"] }]);
  expect(alarms.foundCount("divergent")).toBe(2);
  expect(lines).toEqual([
    "alarm: /a is older here than elsewhere",
    "alarm: /b is missing here",
    "alarm: disk full: new bytes are refused until there is room",
    "an alarm is over",
    "an alarm is over",
  ]);
});

test("of many things some are named and all are counted", () => {
  const { alarms } = watched();
  for (let index = 0; index < ALARMS_MAX + 5; index++) alarms.raise("corrupt", String(index), `chunk ${index}`);
  const [alarm] = alarms.list();
  expect(alarm).toMatchObject({ count: ALARMS_MAX + 5 });
  expect(alarm === undefined ? [] : alarmWords(alarm).slice(-2)).toEqual([
    `chunk ${ALARMS_MAX - 1}`,
    "and 5 more of kind corrupt",
  ]);
});
