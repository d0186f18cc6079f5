/** One chaos run, checked. */
import { QdfsError } from "../base/errors.ts";
import { parseCount, parseDuration } from "../base/units.ts";
import { FAULTS, type FaultKind, isFaultKind } from "./faults.ts";

export interface ChaosPlan {
  readonly seed: number;
  readonly durationMs: number;
  readonly nodes: number;
  /** As on the command line; undefined: the default. */
  readonly quorum: string | undefined;
  readonly faults: readonly FaultKind[];
  /** Logical clients, each with one operation at a time. */
  readonly clients: number;
  /** Operations per second over all clients. */
  readonly ratePerSec: number;
}

export interface PlanFlags {
  readonly seed?: string | undefined;
  readonly duration?: string | undefined;
  readonly nodes?: string | undefined;
  readonly quorum?: string | undefined;
  readonly faults?: string | undefined;
  readonly clients?: string | undefined;
  readonly rate?: string | undefined;
}

export const PLAN_DEFAULTS = { duration: "60s", nodes: "3", clients: "8", rate: "80" } as const;

const SEED_MAX = 2 ** 32 - 1;
const NODES_MAX = 16;
const CLIENTS_MAX = 256;
const RATE_MAX = 2_000;
const DURATION_MS_MAX = 7 * 86_400_000;

/**
 * Fills in the defaults and checks every value; `drawnSeed` counts where no seed is given.
 * @throws QdfsError BAD_USAGE
 */
export function chaosPlanOf(flags: PlanFlags, drawnSeed: number): ChaosPlan {
  const durationMs = parseDuration(flags.duration ?? PLAN_DEFAULTS.duration);
  if (durationMs < 1 || durationMs > DURATION_MS_MAX)
    throw new QdfsError("BAD_USAGE", "--duration must be more than nothing and at most 7d");
  return {
    seed: flags.seed === undefined ? drawnSeed : parseCount(flags.seed, "--seed", 0, SEED_MAX),
    durationMs,
    nodes: parseCount(flags.nodes ?? PLAN_DEFAULTS.nodes, "--nodes", 1, NODES_MAX),
    quorum: flags.quorum,
    faults: faultsOf(flags.faults),
    clients: parseCount(flags.clients ?? PLAN_DEFAULTS.clients, "--clients", 1, CLIENTS_MAX),
    ratePerSec: parseCount(flags.rate ?? PLAN_DEFAULTS.rate, "--rate", 1, RATE_MAX),
  };
}

/** Made when asked for: nothing is promised yet about damage within node.db, whose rows carry no checksums. */
const ASKED_FOR: readonly FaultKind[] = ["database-rot"];

function faultsOf(text: string | undefined): readonly FaultKind[] {
  const all = Object.keys(FAULTS).filter(isFaultKind);
  if (text === undefined) return all.filter((kind) => !ASKED_FOR.includes(kind));
  return text.split(",").map((name) => {
    if (isFaultKind(name)) return name;
    throw new QdfsError("BAD_USAGE", `--faults takes some of ${all.join(",")}; there is no ${JSON.stringify(name)}`);
  });
}
