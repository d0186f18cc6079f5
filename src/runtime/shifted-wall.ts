import type { Runtime } from "../ports.ts";

/** The same runtime, but that its wall clock is wrong by so many ms. */
export function withShiftedWall(runtime: Runtime, shiftMs: () => number): Runtime {
  const { clock } = runtime;
  return { ...runtime, clock: { monotonicMs: () => clock.monotonicMs(), wallMs: () => clock.wallMs() + shiftMs() } };
}
