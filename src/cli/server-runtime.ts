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
  const [{ realRuntime }, { withShiftedWall }] = await Promise.all([
    import("../runtime/runtime.ts"),
    import("../runtime/shifted-wall.ts"),
  ]);
  const runtime = realRuntime(level);
  if (process.env[PARENT_ENV] !== "chaos") return runtime;
  const shiftMs = shiftHeard(createInterface({ input: process.stdin }));
  return withShiftedWall(runtime, shiftMs);
}

/** The shift that the latest such line asked for. */
export function shiftHeard(lines: { on(event: "line", heard: (line: string) => void): unknown }): () => number {
  let shiftMs = 0;
  lines.on("line", (line) => {
    const match = SHIFT.exec(line);
    if (match !== null) shiftMs = Number(match[1]);
  });
  return () => shiftMs;
}
