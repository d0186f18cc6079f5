/** One run of the bench, checked. */
import { QdfsError } from "../base/errors.ts";
import { formatSize, parseCount, parseDuration, parseSize } from "../base/units.ts";
import { BENCH_FILES_MAX, BENCH_IN_FLIGHT_MAX, BENCH_SIZE_BYTES_MAX } from "../limits.ts";
import { isMixName, isSingle, MIXES, type Mix, SINGLES } from "./mix.ts";
import { VALUE_ID_BYTES } from "./values.ts";

export interface BenchPlan {
  readonly mix: Mix;
  /** Logical clients; all of them share one connection to each node. */
  readonly clients: number;
  /** Concurrent operations of each client. */
  readonly inFlight: number;
  readonly durationMs: number;
  /** Of every file. */
  readonly sizeBytes: number;
  /** Distinct files, chosen uniformly at random for each operation. */
  readonly files: number;
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
  readonly inFlight?: string;
  readonly duration?: string;
  readonly size?: string;
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
  duration: "10s",
  size: "4KiB",
  files: "1000",
} as const;

const RATE_MAX = 1e6;
const DURATION_MS_MAX = 7 * 86_400_000;

/**
 * Fills in the defaults and checks every value; `--only` takes the place of the mix.
 * @throws QdfsError BAD_USAGE
 */
export function planOf(flags: PlanFlags): BenchPlan {
  const mix = mixOf(flags);
  const ratePerSec = flags.rate === undefined ? null : rateOf(flags.rate);
  const clients = parseCount(flags.clients ?? PLAN_DEFAULTS.clients, "--clients", 1, BENCH_IN_FLIGHT_MAX);
  const inFlightDefault = ratePerSec === null ? PLAN_DEFAULTS.inFlight : PLAN_DEFAULTS.inFlightOpenLoop;
  const inFlight = parseCount(flags.inFlight ?? inFlightDefault, "--in-flight", 1, BENCH_IN_FLIGHT_MAX);
  if (clients * inFlight > BENCH_IN_FLIGHT_MAX) {
    throw bad(`--clients ${clients} × --in-flight ${inFlight} is more than ${BENCH_IN_FLIGHT_MAX} operations at a time`);
  }
  const durationMs = parseDuration(flags.duration ?? PLAN_DEFAULTS.duration);
  if (durationMs < 1 || durationMs > DURATION_MS_MAX) throw bad("--duration must be more than nothing and at most 7d");
  const sizeBytes = sizeOf(flags);
  const files = parseCount(flags.files ?? PLAN_DEFAULTS.files, "--files", 1, BENCH_FILES_MAX);
  return {
    mix,
    clients,
    inFlight,
    durationMs,
    sizeBytes,
    files,
    ratePerSec,
    cleanup: flags.cleanup === true,
    check: flags.check === true,
  };
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

function sizeOf(flags: PlanFlags): number {
  const sizeBytes = parseSize(flags.size ?? PLAN_DEFAULTS.size);
  if (sizeBytes < 1 || sizeBytes > BENCH_SIZE_BYTES_MAX)
    throw bad(`--size must be from 1 byte to ${formatSize(BENCH_SIZE_BYTES_MAX)}`);
  if ((flags.history === true || flags.check === true) && sizeBytes < VALUE_ID_BYTES) {
    throw bad(
      `${flags.check ? "--check" : "--history"} needs --size ${VALUE_ID_BYTES} or more: a file's first bytes tell which put wrote it`,
    );
  }
  return sizeBytes;
}
