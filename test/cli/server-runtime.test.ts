import { expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import { shiftHeard } from "../../src/cli/server-runtime.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { withShiftedWall } from "../../src/runtime/shifted-wall.ts";

test("a parent's line shifts the wall clock and nothing else; other lines are ignored", () => {
  const real = new FakeRuntime();
  const lines = new EventEmitter<{ line: [string] }>();
  const { clock } = withShiftedWall(real, shiftHeard(lines));
  expect(clock.wallMs()).toBe(real.clock.wallMs());
  lines.emit("line", "wall-shift-ms -3600000");
  expect(clock.wallMs()).toBe(real.clock.wallMs() - 3_600_000);
  for (const line of ["", "wall-shift-ms", "wall-shift-ms x", "wall-shift-ms 1e9", " wall-shift-ms 5"]) lines.emit("line", line);
  expect(clock.wallMs()).toBe(real.clock.wallMs() - 3_600_000);
  expect(clock.monotonicMs()).toBe(real.clock.monotonicMs());
  lines.emit("line", "wall-shift-ms 0");
  expect(clock.wallMs()).toBe(real.clock.wallMs());
});
