/** Seeds that ever failed, and why: each stands for a mistake that was mended (README.md has the record). */
export interface FailedSeed {
  readonly seed: number;
  readonly recipe: string;
  readonly why: string;
}

export const FAILED_SEEDS: readonly FailedSeed[] = [
  { seed: 89, recipe: "swarm", why: "a settle was answered with an earlier one of the same file: a stale strong read" },
  { seed: 108, recipe: "swarm", why: "a peer that answered nothing was never given up while calls to it ended sooner" },
  { seed: 23, recipe: "crashes", why: "a put delivered twice was carried out after it had failed for certain" },
  { seed: 222, recipe: "supernode", why: "a complete listing lacked a put whose entry a newer one had replaced in the log" },
  { seed: 36, recipe: "crashes", why: "a complete listing showed an older version, for the same reason" },
  { seed: 26, recipe: "hot", why: "a complete listing showed a removed file, for the same reason" },
  { seed: 1_022_217, recipe: "all", why: "a replica that caught up never held what a settle found chosen without it" },
  { seed: 1_029_664, recipe: "all", why: "the same, among five replicas" },
  { seed: 1_087_964, recipe: "all", why: "the same, after a restart" },
  { seed: 1_025_606, recipe: "all", why: "an early answer was held to what W would have promised: the check's mistake" },
  {
    seed: 1_090_149,
    recipe: "all",
    why: "a given-up attempt was carried out between the last read and the last listing: the check's mistake",
  },
  {
    seed: 3_000_611,
    recipe: "all",
    why: "an eventual read of a replica that was behind, whose bytes were damaged, found no copy though newer ones were whole",
  },
];
