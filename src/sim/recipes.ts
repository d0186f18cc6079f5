/** Named mixtures of faults. Which faults, how often, and how bad the links are all the time. */

export const FAULT_KINDS = [
  "crash",
  "power-loss",
  "death-at-await",
  "restart-all",
  "isolate",
  "one-way",
  "two-way",
  "split",
  "swizzle",
  "supernode-cut",
  "supernode-crash",
  "catalogue-loss",
  "supernode-loss",
  "slow-link",
  "lossy-link",
  "slow-disk",
  "full-disk",
  "bit-flip",
  "wipe",
  "clock-jump",
  "clock-drift",
  "client-death",
  "freeze",
  "join",
  "row-loss",
  "drain",
  "dead",
  "away",
  "quorum",
  "flap",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What every link does to messages all the time; shares of the messages, 0 … 1. */
export interface LinkQuality {
  readonly dropShare: number;
  readonly duplicateShare: number;
  /** Share of the messages that take up to `slowMs` longer: they are overtaken. */
  readonly slowShare: number;
  readonly slowMs: number;
}

export interface Recipe {
  readonly name: string;
  /** For `qdfs sim --help`. */
  readonly summary: string;
  /** How often each kind is drawn, relative to the others. */
  readonly weights: Partial<Readonly<Record<FaultKind, number>>>;
  /** Each seed has only some of the kinds (swarm testing): what others would mask is met too. */
  readonly swarm: boolean;
  /** Faults of a run, least and most. */
  readonly faults: readonly [number, number];
  /** How long faults last, about. */
  readonly lastsMs: readonly number[];
  /** The worst that links get; each seed draws its own between none and this. */
  readonly links: LinkQuality;
  /** Most files; fewer make more conflicts. */
  readonly filesMax: number;
  readonly clientsMax: number;
  /** Operations in chunks, of those that write. */
  readonly chunkedShare: number;
  /** Between a client's operations, on average; each seed has one of them. */
  readonly pacesMs: readonly number[];
  /** What mends copies that went bad. One alone shows what it can do: the other would mask its mistakes. */
  readonly heals: "scrub" | "comparing" | "both";
  /** What is deleted is erased, and what nobody names is collected, within the run. */
  readonly garbage?: boolean;
  /** DataNodes beyond n, least and most; as the seed has it, if left out. */
  readonly spare?: readonly [number, number];
}

export const GOOD_LINKS: LinkQuality = { dropShare: 0, duplicateShare: 0, slowShare: 0, slowMs: 0 };
const BAD: LinkQuality = { dropShare: 0.08, duplicateShare: 0.08, slowShare: 0.2, slowMs: 60 };
const FAIR: LinkQuality = { dropShare: 0.02, duplicateShare: 0.03, slowShare: 0.1, slowMs: 20 };

const BASE = {
  lastsMs: [30, 200, 1_000, 2_500],
  swarm: false,
  links: FAIR,
  filesMax: 4,
  clientsMax: 5,
  chunkedShare: 0.15,
  pacesMs: [3, 15, 40],
  heals: "both",
} as const;

const NETWORK = { isolate: 2, "one-way": 2, "two-way": 1, split: 2, swizzle: 1, "slow-link": 1, "lossy-link": 1 } as const;
const DEATHS = { crash: 3, "power-loss": 3, "death-at-await": 4, "restart-all": 1 } as const;
const DISKS = { "slow-disk": 1, "full-disk": 1, "bit-flip": 2 } as const;
const CLOCKS = { "clock-jump": 1, "clock-drift": 1 } as const;
const SUPER = { "supernode-cut": 1, "supernode-crash": 1, "catalogue-loss": 1 } as const;

export const RECIPES: readonly Recipe[] = [
  {
    ...BASE,
    name: "swarm",
    summary: "some of everything, other kinds with every seed (the default)",
    weights: { ...NETWORK, ...DEATHS, ...DISKS, ...CLOCKS, ...SUPER, "client-death": 2, wipe: 1, freeze: 2 },
    swarm: true,
    faults: [1, 9],
    links: BAD,
  },
  { ...BASE, name: "calm", summary: "no faults at all", weights: {}, faults: [0, 0], links: GOOD_LINKS },
  {
    ...BASE,
    name: "hot",
    summary: "many writers of one file among crashes and partitions",
    weights: { ...NETWORK, ...DEATHS, freeze: 2 },
    faults: [2, 9],
    links: BAD,
    filesMax: 1,
    clientsMax: 8,
    chunkedShare: 0,
  },
  {
    ...BASE,
    name: "duels",
    summary: "coordinators that fight for one file over slow links, among short crashes",
    weights: { crash: 3, "power-loss": 1, "death-at-await": 4, "restart-all": 2, freeze: 2, "one-way": 1 },
    faults: [4, 14],
    lastsMs: [2, 10, 40, 300],
    links: { dropShare: 0.1, duplicateShare: 0.05, slowShare: 0.5, slowMs: 500 },
    filesMax: 1,
    clientsMax: 8,
    chunkedShare: 0.5,
  },
  {
    ...BASE,
    name: "lossy",
    summary: "messages lost, doubled, late and out of order",
    weights: { "lossy-link": 1, "slow-link": 1 },
    faults: [0, 4],
    links: BAD,
  },
  { ...BASE, name: "partitions", summary: "one-way and two-way cuts, splits, swizzles", weights: NETWORK, faults: [2, 8] },
  {
    ...BASE,
    name: "crashes",
    summary: "processes die at any moment, with and without what was not flushed",
    weights: DEATHS,
    faults: [2, 9],
  },
  {
    ...BASE,
    name: "disks",
    summary: "slow and full disks, flipped bits",
    weights: { ...DISKS, crash: 1 },
    faults: [2, 8],
    chunkedShare: 0.4,
    heals: "scrub",
  },
  {
    ...BASE,
    name: "wipe",
    summary: "disks that come back empty",
    weights: { wipe: 2, crash: 1, isolate: 1 },
    faults: [2, 6],
    chunkedShare: 0.3,
  },
  {
    ...BASE,
    name: "clocks",
    summary: "wall clocks that jump and drift by hours",
    weights: { ...CLOCKS, crash: 1 },
    faults: [2, 8],
  },
  {
    ...BASE,
    name: "clients",
    summary: "clients that die in the middle",
    weights: { "client-death": 3, freeze: 1, crash: 1 },
    faults: [2, 8],
  },
  {
    ...BASE,
    name: "supernode",
    summary: "the SuperNode crashes, is cut off, loses its catalogue",
    weights: { ...SUPER, crash: 1 },
    faults: [2, 8],
  },
  {
    ...BASE,
    name: "grow",
    summary: "DataNodes join and are given their share, among crashes, cuts and deaths of the SuperNode",
    weights: { join: 8, ...DEATHS, isolate: 2, "two-way": 1, split: 1, freeze: 1, "supernode-cut": 2, "supernode-crash": 3 },
    faults: [3, 10],
    pacesMs: [20, 50, 100],
    filesMax: 6,
    chunkedShare: 0.3,
  },
  {
    ...BASE,
    name: "recovery",
    summary: "the SuperNode's state is lost and taken from the DataNodes or a backup; the old SuperNode comes back",
    weights: { "supernode-loss": 6, "supernode-crash": 1, "supernode-cut": 1, ...NETWORK, ...DEATHS, wipe: 1, freeze: 1 },
    faults: [2, 9],
  },
  {
    ...BASE,
    name: "grow-recovery",
    summary: "DataNodes join, and the SuperNode's state is lost while partitions change hands; the old SuperNode comes back",
    weights: {
      join: 5,
      "supernode-loss": 5,
      "supernode-cut": 1,
      "supernode-crash": 1,
      ...DEATHS,
      isolate: 2,
      split: 1,
      freeze: 1,
    },
    faults: [4, 11],
    pacesMs: [20, 50, 100],
    filesMax: 6,
    chunkedShare: 0.3,
  },
  {
    ...BASE,
    name: "rot",
    summary: "a disk rots, and disks fill, while DataNodes join and are given their share, among crashes and cuts",
    weights: { join: 6, "bit-flip": 8, "full-disk": 2, "slow-disk": 1, ...DEATHS, isolate: 1, split: 1, "supernode-crash": 1 },
    faults: [5, 14],
    pacesMs: [20, 50, 100],
    filesMax: 6,
    chunkedShare: 0.4,
    heals: "scrub",
  },
  {
    ...BASE,
    name: "divergence",
    summary: "a disk loses rows that all the others have: values, kept versions' bytes, chunks",
    weights: { "row-loss": 8, crash: 1, "power-loss": 1, isolate: 1, "one-way": 1, "lossy-link": 1, "slow-disk": 1 },
    faults: [2, 8],
    pacesMs: [15, 40],
    filesMax: 6,
    chunkedShare: 0.4,
    heals: "comparing",
  },
  {
    ...BASE,
    name: "garbage",
    summary: "deleted files are erased and orphaned chunks collected, among crashes, cuts, dead clients and DataNodes that join",
    weights: { ...DEATHS, ...NETWORK, "client-death": 6, freeze: 2, join: 2, wipe: 1, "supernode-crash": 1, "catalogue-loss": 1 },
    faults: [1, 8],
    // Some accepts come when what they bring was erased long ago.
    links: { dropShare: 0.03, duplicateShare: 0.05, slowShare: 0.1, slowMs: 900 },
    pacesMs: [20, 50, 100],
    chunkedShare: 0.4,
    garbage: true,
  },
  {
    ...BASE,
    name: "shrink",
    summary:
      "DataNodes are drained, removed, given up for dead, away for long, among crashes, cuts, full disks, deaths of the SuperNode",
    weights: {
      drain: 7,
      dead: 3,
      away: 2,
      join: 2,
      ...DEATHS,
      isolate: 2,
      "two-way": 1,
      split: 1,
      freeze: 1,
      "full-disk": 1,
      "supernode-cut": 2,
      "supernode-crash": 3,
    },
    faults: [3, 10],
    pacesMs: [20, 50, 100],
    filesMax: 6,
    chunkedShare: 0.3,
    spare: [1, 3],
  },
  {
    ...BASE,
    name: "quorum",
    summary: "N, R and W change while the cluster works, among crashes, cuts, newcomers and deaths of the SuperNode",
    weights: {
      quorum: 12,
      join: 1,
      ...DEATHS,
      isolate: 2,
      "one-way": 1,
      "two-way": 1,
      split: 1,
      freeze: 1,
      "supernode-cut": 2,
      "supernode-crash": 3,
    },
    faults: [3, 12],
    pacesMs: [10, 40, 100],
    chunkedShare: 0.25,
  },
  {
    ...BASE,
    name: "flap",
    summary: "DataNodes that come and go, again and again, some of them just when they are given their share",
    weights: { flap: 6, join: 3, crash: 1, isolate: 1, "supernode-cut": 1, "supernode-crash": 1 },
    faults: [2, 7],
    lastsMs: [500, 1_000, 2_500, 6_000],
    pacesMs: [30, 80, 150],
    filesMax: 6,
    chunkedShare: 0.3,
  },
  {
    ...BASE,
    name: "members",
    summary:
      "DataNodes join, leave, die for good and flap while the quorum changes: all that shrink, quorum, grow and flap do, at once",
    weights: {
      quorum: 6,
      drain: 4,
      dead: 4,
      away: 1,
      join: 3,
      flap: 2,
      ...DEATHS,
      isolate: 1,
      split: 1,
      "supernode-crash": 2,
    },
    faults: [4, 12],
    pacesMs: [20, 50, 100],
    filesMax: 6,
    chunkedShare: 0.3,
    spare: [1, 3],
  },
];

export function findRecipe(name: string): Recipe | undefined {
  return RECIPES.find((recipe) => recipe.name === name);
}
