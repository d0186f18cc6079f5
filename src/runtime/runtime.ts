/** The world as it is: the process's clock, timers, randomness and stderr. Its deterministic twin is fake-runtime.ts. */
import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import type { Clock, Random, Runtime, Timers } from "../ports.ts";
import { type LogLevel, lineLog } from "./log.ts";

const STDERR = 2;
/** Timers count in 32 bits; what is longer would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

const timers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, TIMER_MS_MAX));
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};

const random: Random = {
  // 48 bits: every value is exact in a double
  unit: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  hex: (digits) =>
    randomBytes(Math.ceil(digits / 2))
      .toString("hex")
      .slice(0, digits),
};

/** `level`: what is logged to stderr. */
export function realRuntime(level: LogLevel = "warn"): Runtime {
  return { clock, timers, random, log: lineLog(level, clock.wallMs, (line) => void writeSync(STDERR, `${line}\n`)) };
}
