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

/** Asking the system costs the same for 2 KiB as for a few bytes, and every operation asks. */
const POOL_BYTES = 2048;
/** 48 bits: every value is exact in a double. */
const UNIT_DIGITS = 12;

let pool = "";
let used = 0;

function hex(digits: number): string {
  if (used + digits > pool.length) {
    pool = randomBytes(Math.max(POOL_BYTES, Math.ceil(digits / 2))).toString("hex");
    used = 0;
  }
  const drawn = pool.slice(used, used + digits);
  used += digits;
  return drawn;
}

const random: Random = {
  unit: () => Number.parseInt(hex(UNIT_DIGITS), 16) / 16 ** UNIT_DIGITS,
  hex,
};

/** `level`: what is logged to stderr. */
export function realRuntime(level: LogLevel = "warn"): Runtime {
  return { clock, timers, random, log: lineLog(level, clock.wallMs, (line) => void writeSync(STDERR, `${line}\n`)) };
}
