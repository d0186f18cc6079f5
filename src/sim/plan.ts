/**
 * What a run is going to do, drawn from its seed before it begins: the cluster's shape, every operation, every fault. Each
 * item is drawn from a stream of its own, so that leaving some out (shrink.ts) leaves the others as they are.
 */
import { QdfsError } from "../base/errors.ts";
import { REPLICAS_MAX } from "../limits.ts";
import type { Random } from "../ports.ts";
import { seededRandom } from "../runtime/seeded-random.ts";
import type { ClusterShape } from "./first-map.ts";
import { type FaultKind, findRecipe, type LinkQuality, RECIPES, type Recipe } from "./recipes.ts";

export const OPERATION_KINDS = [
  "put",
  "put-absent",
  "put-version",
  "put-early",
  "get",
  "get-version",
  "get-eventual",
  "rm",
  "rm-version",
  "restore",
  "stat",
  "versions",
  "ls",
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

const OPERATION_WEIGHTS: Readonly<Record<OperationKind, number>> = {
  put: 30,
  "put-absent": 5,
  "put-version": 8,
  "put-early": 3,
  get: 30,
  "get-version": 2,
  "get-eventual": 2,
  rm: 5,
  "rm-version": 2,
  restore: 3,
  stat: 2,
  versions: 2,
  ls: 4,
};

/**
 * Where files are erased their versions begin anew, so what is asked of single versions cannot be judged. Removals are many, and what follows them
 * should depend on them.
 */
const GARBAGE_WEIGHTS: Readonly<Record<OperationKind, number>> = {
  ...OPERATION_WEIGHTS,
  put: 20,
  "put-absent": 15,
  "put-version": 0,
  "get-version": 0,
  rm: 25,
  "rm-version": 0,
  restore: 0,
};

export interface PlannedOperation {
  readonly index: number;
  readonly client: number;
  readonly kind: OperationKind;
  readonly path: string;
  /** Bytes of a put. */
  readonly sizeBytes: number;
  /** Before the operation, after the client's previous one. */
  readonly pauseMs: number;
  readonly budgetMs: number;
  /** Whatever else the kind needs to decide, in [0, 1). */
  readonly choice: number;
}

export interface PlannedFault {
  readonly index: number;
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Whom and how, in [0, 1). */
  readonly choices: readonly [number, number, number, number];
}

export interface PlanOptions {
  readonly seed: number;
  /** A recipe's name; `swarm` if left out. */
  readonly recipe?: string | undefined;
  /** DataNodes, instead of what the seed says; at least the seed's n. */
  readonly nodes?: number | undefined;
  /** Only the first so many operations. */
  readonly operations?: number | undefined;
  /** Only these faults, by index. */
  readonly faults?: readonly number[] | undefined;
  /** Only these clients' operations. */
  readonly clients?: readonly number[] | undefined;
}

export interface Plan {
  readonly options: PlanOptions;
  readonly shape: ClusterShape;
  readonly clients: number;
  readonly links: LinkQuality;
  readonly operations: readonly PlannedOperation[];
  readonly faults: readonly PlannedFault[];
}

export const OPERATIONS_DEFAULT = 100;
/** Instead of a recipe's name: whichever the seed says. */
const ALL_RECIPES = "all";
const PARTITIONS = 8;
const INLINE_LIMIT_BYTES = 128;
const CHUNK_SIZE_BYTES = 256;

export function stream(seed: number, name: string, index = 0): Random {
  return seededRandom(Bun.hash.xxHash32(`${seed} ${name} ${index}`));
}

/** An integer from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random.unit() * (high - low + 1));
}

export function pick<T>(items: readonly T[], choice: number): T {
  const item = items[Math.floor(choice * items.length)];
  if (item === undefined) throw new RangeError("there is nothing to pick from");
  return item;
}

/** @throws QdfsError BAD_USAGE */
export function planOf(options: PlanOptions): Plan {
  const { seed } = options;
  const recipe =
    options.recipe === ALL_RECIPES ? pick(RECIPES, stream(seed, "recipe").unit()) : findRecipe(options.recipe ?? "swarm");
  if (recipe === undefined) {
    const names = RECIPES.map(({ name }) => name).join(", ");
    throw new QdfsError(
      "BAD_USAGE",
      `there is no recipe ${options.recipe}; there are ${names}, and ${ALL_RECIPES} for any of them`,
    );
  }
  const shape = shapeOf(options, recipe);
  const random = stream(seed, "plan");
  const clients = between(random, 2, recipe.clientsMax);
  const files = between(random, 1, recipe.filesMax);
  const links = linksOf(random, recipe);
  const paceMs = pick(recipe.pacesMs, random.unit());
  const count = options.operations ?? OPERATIONS_DEFAULT;
  const operations = Array.from({ length: count }, (_, index) => operationOf(seed, recipe, index, { clients, files, paceMs }));
  const lastsMs = Math.min(4_000, 300 + (OPERATIONS_DEFAULT / clients) * (paceMs + 8));
  const faults = faultsOf(seed, recipe, lastsMs);
  return {
    options,
    shape,
    clients,
    links,
    operations: operations.filter(({ client }) => options.clients?.includes(client) ?? true),
    faults: faults.filter(({ index }) => options.faults?.includes(index) ?? true),
  };
}

/** Every legal N, R, W; majorities more often than each other. */
function shapeOf({ seed, nodes: wanted }: PlanOptions, recipe: Recipe): ClusterShape {
  const random = stream(seed, "shape");
  const n = random.unit() < 0.55 ? 3 : between(random, 1, REPLICAS_MAX);
  const majority = Math.floor(n / 2) + 1;
  const w = random.unit() < 0.5 ? majority : between(random, 1, n);
  const r = random.unit() < 0.5 && majority + w > n ? majority : between(random, n - w + 1, n);
  const few = random.unit() < 0.3 ? between(random, 1, 2) : 0;
  const spare = recipe.spare === undefined ? few : between(stream(seed, "spare"), ...recipe.spare);
  const nodes = wanted ?? n + spare;
  if (nodes < n) throw new QdfsError("BAD_USAGE", `seed ${seed} has n=${n} replicas: --nodes must be at least that`);
  const keepVersions = between(random, 1, 6);
  return {
    n,
    w,
    r,
    nodes,
    partitions: PARTITIONS,
    inlineLimitBytes: INLINE_LIMIT_BYTES,
    chunkSizeBytes: CHUNK_SIZE_BYTES,
    keepVersions: recipe.name === "calm" ? 3 : keepVersions,
    changingMax: between(stream(seed, "changing"), 1, PARTITIONS),
    heals: recipe.heals,
    ...(recipe.garbage && { garbage: garbageOf(stream(seed, "garbage")) }),
    replaceAfterMs: recipe.weights.away === undefined ? null : between(stream(seed, "replace"), 100, 3_000),
  };
}

function garbageOf(random: Random): { readonly tombstoneGraceMs: number; readonly orphanAgeMs: number } {
  return { tombstoneGraceMs: between(random, 20, 400), orphanAgeMs: between(random, 20, 400) };
}

function linksOf(random: Random, { links }: Recipe): LinkQuality {
  const some = (worst: number): number => (random.unit() < 0.4 ? 0 : random.unit() * worst);
  return {
    dropShare: some(links.dropShare),
    duplicateShare: some(links.duplicateShare),
    slowShare: some(links.slowShare),
    slowMs: links.slowMs,
  };
}

function operationOf(
  seed: number,
  recipe: Recipe,
  index: number,
  { clients, files, paceMs }: { readonly clients: number; readonly files: number; readonly paceMs: number },
): PlannedOperation {
  const random = stream(seed, "operation", index);
  const weights = recipe.garbage ? GARBAGE_WEIGHTS : OPERATION_WEIGHTS;
  const kind = weighted(OPERATION_KINDS, (name) => weights[name], random);
  const chunked = random.unit() < recipe.chunkedShare;
  const pauseMs = random.unit() < 0.2 ? 0 : -Math.log(1 - random.unit()) * paceMs;
  return {
    index,
    client: between(random, 1, clients),
    kind,
    path: `/d/${"abcdef".charAt(between(random, 0, files - 1))}`,
    sizeBytes: chunked ? between(random, INLINE_LIMIT_BYTES + 1, 3 * CHUNK_SIZE_BYTES) : between(random, 16, 100),
    pauseMs,
    budgetMs: pick([400, 1_500, 4_000], random.unit()),
    choice: random.unit(),
  };
}

function faultsOf(seed: number, recipe: Recipe, lastsMs: number): PlannedFault[] {
  const random = stream(seed, "faults");
  const all = Object.entries(recipe.weights) as readonly (readonly [FaultKind, number])[];
  const some = recipe.swarm ? all.filter(() => random.unit() < 0.4) : all;
  const weights = some.length === 0 ? all : some;
  if (weights.length === 0) return [];
  return Array.from({ length: between(random, ...recipe.faults) }, (_, index) => {
    const own = stream(seed, "fault", index);
    return {
      index,
      kind: weighted(weights, ([, weight]) => weight, own)[0],
      atMs: own.unit() * lastsMs,
      forMs: pick(recipe.lastsMs, own.unit()) * (0.5 + own.unit()),
      choices: [own.unit(), own.unit(), own.unit(), own.unit()] as const,
    };
  });
}

function weighted<T>(items: readonly T[], weight: (item: T) => number, random: Random): T {
  let left = random.unit() * items.reduce((sum, item) => sum + weight(item), 0);
  for (const item of items) {
    left -= weight(item);
    if (left < 0) return item;
  }
  return pick(items, 0.999_999);
}
