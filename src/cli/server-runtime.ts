/**
 * The runtime of a server process: the real one. A child of `qdfs chaos` alone takes lines `wall-shift-ms N` on its standard input,
 * the pipe that its parent holds, and from then on its wall clock goes N ms wrong: what a bad NTP server does to a machine.
 */
import { createInterface } from "node:readline";
import type { Runtime } from "../ports.ts";
import type { LogLevel } from "../runtime/log.ts";
import { PARENT_ENV } from "./serving.ts";

const SHIFT = /^wall-shift-ms (-?\d{1,15})$/;

export async function serverRuntime(level: LogLevel): Promise<Runtime> {
  const { realRuntime } = await import("../runtime/runtime.ts");
  const runtime = realRuntime(level);
  return process.env[PARENT_ENV] === "chaos" ? withShiftedWall(runtime, createInterface({ input: process.stdin })) : runtime;
}

/** The same runtime, but that its wall clock follows the lines. */
export function withShiftedWall(runtime: Runtime, lines: { on(event: "line", heard: (line: string) => void): unknown }): Runtime {
  let shiftMs = 0;
  lines.on("line", (line) => {
    const match = SHIFT.exec(line);
    if (match === null) return;
    shiftMs = Number(match[1]);
    runtime.log.warn("the wall clock is shifted", { shiftMs });
  });
  const { clock } = runtime;
  return {
    ...runtime,
    clock: { monotonicMs: () => clock.monotonicMs(), wallMs: () => clock.wallMs() + shiftMs },
  };
}
