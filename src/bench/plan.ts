/** One run of the bench, checked. */
import { QdfsError } from "../base/errors.ts";
import { parseCount, parseDuration } from "../base/units.ts";
import { BENCH_FILES_MAX, BENCH_IN_FLIGHT_MAX, BENCH_PROCESSES_MAX } from "../tool-limits.ts";
import { isKeys, KEYS, type Keys } from "./keys.ts";
import { isMixName, isSingle, MIXES, type Mix, SINGLES } from "./mix.ts";
import { minBytesOf, parseSizes, type Sizes } from "./sizes.ts";
import { VALUE_ID_BYTES } from "./values.ts";

export interface BenchPlan {
  readonly mix: Mix;
  /** Logical clients over all processes; those of a process share one connection to each node. */
  readonly clients: number;
  /** Client processes. 1: this one alone. */
  readonly procs: number;
  /** Concurrent operations of each client. */
  readonly inFlight: number;
  /** Load before measuring begins, not counted. */
  readonly warmUpMs: number;
  /** Measured; with untilStable the longest that may be. */
  readonly durationMs: number;
  /** Ends once the throughput is level (stability.ts). */
  readonly untilStable: boolean;
  /** Of contents. */
  readonly sizes: Sizes;
  /** Distinct files. */
  readonly files: number;
  /** How an operation's file is chosen. */
  readonly keys: Keys;
  /** Operations per second over all clients, started on schedule; null: closed loop, each slot starts when it is free. */
  readonly ratePerSec: number | null;
  /** Deletes the files afterwards. */
  readonly cleanup: boolean;
  /** Keeps what every operation answered, and judges it. */
  readonly check: boolean;
}

/** As written on the command line; undefined takes the default. */
export interface PlanFlags {
  readonly mix?: string;
  readonly only?: string;
  readonly clients?: string;
  readonly procs?: string;
  readonly inFlight?: string;
  readonly warmUp?: string;
  readonly duration?: string;
  readonly untilStable?: boolean;
  readonly size?: string;
  readonly keys?: string;
  readonly files?: string;
  readonly rate?: string;
  readonly cleanup?: boolean;
  readonly check?: boolean;
  /** A history is written: as for a check, contents must be long enough to tell values apart. */
  readonly history?: boolean;
}

/** Modest enough for a laptop: a second of preloading, a few megabytes. */
export const PLAN_DEFAULTS = {
  mix: "balanced",
  clients: "8",
  inFlight: "1",
  inFlightOpenLoop: "32",
  warmUp: "0s",
  duration: "10s",
  durationUntilStable: "60s",
  size: "4KiB",
  files: "1000",
  keys: "uniform",
  procs: "1",
} as const;

const RATE_MAX = 1e6;
const DURATION_MS_MAX = 7 * 86_400_000;

/**
 * Fills in the defaults and checks every value; `--only` takes the place of the mix.
 * @throws QdfsError BAD_USAGE
 */
export function planOf(flags: PlanFlags): BenchPlan {
  const ratePerSec = flags.rate === undefined ? null : rateOf(flags.rate);
  const untilStable = flags.untilStable === true;
  return {
    mix: mixOf(flags),
    ...concurrencyOf(flags, ratePerSec),
    warmUpMs: warmUpOf(flags.warmUp ?? PLAN_DEFAULTS.warmUp),
    durationMs: durationOf(flags.duration ?? (untilStable ? PLAN_DEFAULTS.durationUntilStable : PLAN_DEFAULTS.duration)),
    untilStable,
    sizes: sizesOf(flags),
    files: parseCount(flags.files ?? PLAN_DEFAULTS.files, "--files", 1, BENCH_FILES_MAX),
    keys: keysOf(flags.keys ?? PLAN_DEFAULTS.keys),
    ratePerSec,
    cleanup: flags.cleanup === true,
    check: flags.check === true,
  };
}

/** With --procs alone each process runs at least one client. */
function concurrencyOf(flags: PlanFlags, ratePerSec: number | null): Pick<BenchPlan, "clients" | "procs" | "inFlight"> {
  const procs = parseCount(flags.procs ?? PLAN_DEFAULTS.procs, "--procs", 1, BENCH_PROCESSES_MAX);
  const clientsDefault = String(Math.max(Number(PLAN_DEFAULTS.clients), procs));
  const clients = parseCount(flags.clients ?? clientsDefault, "--clients", 1, procs * BENCH_IN_FLIGHT_MAX);
  if (clients < procs) throw bad(`--procs ${procs} needs --clients ${procs} or more: each process runs at least one client`);
  const inFlightDefault = ratePerSec === null ? PLAN_DEFAULTS.inFlight : PLAN_DEFAULTS.inFlightOpenLoop;
  const inFlight = parseCount(flags.inFlight ?? inFlightDefault, "--in-flight", 1, BENCH_IN_FLIGHT_MAX);
  if (Math.ceil(clients / procs) * inFlight > BENCH_IN_FLIGHT_MAX) {
    const each = procs === 1 ? "" : " in each process";
    throw bad(`--clients ${clients} × --in-flight ${inFlight} is more than ${BENCH_IN_FLIGHT_MAX} operations at a time${each}`);
  }
  return { clients, procs, inFlight };
}

function bad(message: string): QdfsError {
  return new QdfsError("BAD_USAGE", message);
}

function mixOf(flags: PlanFlags): Mix {
  const mix = flags.mix ?? PLAN_DEFAULTS.mix;
  if (!isMixName(mix)) throw bad(`there is no mix ${JSON.stringify(mix)}, but ${Object.keys(MIXES).join(", ")}`);
  if (flags.only === undefined) return MIXES[mix];
  if (!isSingle(flags.only)) throw bad(`--only takes ${Object.keys(SINGLES).join(" or ")}, not ${JSON.stringify(flags.only)}`);
  return SINGLES[flags.only];
}

function rateOf(text: string): number {
  const rate = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (rate > 0 && rate <= RATE_MAX) return rate;
  throw bad(`--rate takes operations per second, more than 0 and at most ${RATE_MAX}, not ${JSON.stringify(text)}`);
}

function durationOf(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs < 1 || durationMs > DURATION_MS_MAX) throw bad("--duration must be more than nothing and at most 7d");
  return durationMs;
}

function warmUpOf(text: string): number {
  const warmUpMs = parseDuration(text);
  if (warmUpMs > DURATION_MS_MAX) throw bad("--warm-up must be at most 7d");
  return warmUpMs;
}

function keysOf(text: string): Keys {
  if (isKeys(text)) return text;
  throw bad(`--keys takes ${KEYS.join(", ")}, not ${JSON.stringify(text)}`);
}

function sizesOf(flags: PlanFlags): Sizes {
  const sizes = parseSizes(flags.size ?? PLAN_DEFAULTS.size);
  if ((flags.history === true || flags.check === true) && minBytesOf(sizes) < VALUE_ID_BYTES) {
    throw bad(
      `${flags.check ? "--check" : "--history"} needs --size ${VALUE_ID_BYTES} or more: a file's first bytes tell which put wrote it`,
    );
  }
  return sizes;
}
