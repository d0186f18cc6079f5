/**
 * The faults that a chaos run makes, and the plan of a run: which fault comes when, on which servers, for how long. The plan
 * follows from the seed alone; how real processes meet it in time does not.
 */
import { assert } from "../base/errors.ts";
import type { Random } from "../ports.ts";

/** Every kind of fault, with its line in `qdfs help chaos`. */
export const FAULTS = {
  kill: "one DataNode, now and then several at once, is killed with SIGKILL and started again",
  "kill-supernode": "the same for the SuperNode",
  "kill-all": "every server at once",
  freeze: "a server stands still (SIGSTOP, SIGCONT)",
  partition: "a server is cut off from everybody",
  cut: "one link is cut both ways",
  "one-way": "one link is cut in one direction",
  delay: "everything to and from a server takes longer (with --network proxies)",
  reset: "all connections of a server break (with --network proxies)",
  "disk-full": "the disk of a DataNode is full for a while (it lies on a small tmpfs: needs root, or namespaces)",
  "bit-rot": "a chunk file of a DataNode has bytes flipped, is cut short or is lost",
  "database-rot":
    "a stopped DataNode has a page of its database damaged; when it refuses to start, it gets the page back (only when asked for)",
  clock: "the wall clock of a server, or of the clients, jumps by up to a year",
} as const satisfies Record<string, string>;

export type FaultKind = keyof typeof FAULTS;

export function isFaultKind(text: string): text is FaultKind {
  return Object.hasOwn(FAULTS, text);
}

/** `supernode`, or a DataNode's name. */
export type ServerName = string;
export const SUPERNODE: ServerName = "supernode";
/** The other end of the clients' links. */
export const CLIENT = "client";

export interface Fault {
  readonly kind: FaultKind;
  /** Since the fault before. */
  readonly afterMs: number;
  /** Of `cut` and `one-way`: from, to; one of them may be CLIENT. */
  readonly servers: readonly ServerName[];
  readonly lastsMs: number;
  /** Of `delay`: ms added to each direction; of `clock`: ms added to the wall clock; else 0. */
  readonly amountMs: number;
}

export interface FaultPlanOptions {
  readonly kinds: readonly FaultKind[];
  readonly nodes: readonly ServerName[];
  /**
   * DataNodes whose stored bytes may be damaged, the same ones for the whole run: so few of them that of W durable copies at
   * least one stays good however the damage falls.
   */
  readonly rotting: readonly ServerName[];
  /** DataNodes whose disk can be filled. */
  readonly fillable: readonly ServerName[];
  /** What the network between them cannot be made to do. */
  readonly impossible: ReadonlySet<FaultKind>;
}

/** How often each kind is drawn, relative to the others. */
const SHARES: Readonly<Record<FaultKind, number>> = {
  kill: 20,
  "kill-supernode": 6,
  "kill-all": 1,
  freeze: 12,
  partition: 8,
  cut: 10,
  "one-way": 10,
  delay: 8,
  reset: 6,
  "disk-full": 3,
  "bit-rot": 8,
  "database-rot": 2,
  clock: 6,
};

/** A fault every 1.7 s on average: some meet a server that is down already and do not happen, and an hour still has its thousand. */
const PAUSE_MS_MIN = 400;
const PAUSE_MS_MAX = 3_000;
/** Most faults are short; every tenth outlasts what makes a session stalled and a node down (limits.ts). */
const SHORT_MS_MIN = 100;
const SHORT_MS_MAX = 2_200;
const LONG_MS_MIN = 4_000;
const LONG_MS_MAX = 8_000;
const LONG_SHARE = 0.1;
const DELAY_MS_MAX = 250;
const CLOCK_JUMPS_MS = [50, 2_000, 60_000, 3_600_000, 86_400_000, 365 * 86_400_000];

/** Faults without end. */
export function* planFaults(random: Random, options: FaultPlanOptions): Generator<Fault, never> {
  const kinds = options.kinds.filter((kind) => possible(kind, options));
  assert(kinds.length > 0, "a plan has at least one kind of fault");
  const pick = picker(random);
  for (;;) {
    const kind = drawKind(kinds, random);
    const afterMs = PAUSE_MS_MIN + random.unit() * (PAUSE_MS_MAX - PAUSE_MS_MIN);
    yield {
      kind,
      afterMs,
      servers: drawServers(kind, options, random, pick),
      lastsMs: drawLength(random),
      amountMs: drawAmount(kind, random, pick),
    };
  }
}

/** Whether the cluster has what a kind of fault needs. */
export function possible(kind: FaultKind, { rotting, fillable, impossible }: FaultPlanOptions): boolean {
  if (impossible.has(kind)) return false;
  if (kind === "disk-full") return fillable.length > 0;
  if (kind === "bit-rot" || kind === "database-rot") return rotting.length > 0;
  return true;
}

type Pick = <Item>(items: readonly Item[]) => Item;

function picker(random: Random): Pick {
  return (items) => {
    const item = items[Math.floor(random.unit() * items.length)];
    assert(item !== undefined, "something is picked from something");
    return item;
  };
}

function drawKind(kinds: readonly FaultKind[], random: Random): FaultKind {
  let left = random.unit() * kinds.reduce((sum, kind) => sum + SHARES[kind], 0);
  for (const kind of kinds) {
    left -= SHARES[kind];
    if (left < 0) return kind;
  }
  return kinds[0] ?? "kill";
}

function drawServers(kind: FaultKind, options: FaultPlanOptions, random: Random, pick: Pick): readonly ServerName[] {
  const { nodes, rotting, fillable } = options;
  switch (kind) {
    case "kill": {
      const shuffled = nodes.map((node) => ({ node, key: random.unit() })).sort((a, b) => a.key - b.key);
      const drawn = random.unit();
      return shuffled.slice(0, drawn < 0.75 ? 1 : drawn < 0.93 ? 2 : nodes.length).map(({ node }) => node);
    }
    case "kill-supernode":
      return [SUPERNODE];
    case "kill-all":
      return [SUPERNODE, ...nodes];
    case "cut":
    case "one-way": {
      const to = pick([SUPERNODE, ...nodes, ...nodes]);
      const others = [CLIENT, SUPERNODE, ...nodes, ...nodes].filter((end) => end !== to);
      const from = pick(others);
      // Only servers are dialled: the answers to the client are the other direction of its links.
      return kind === "one-way" && random.unit() < 0.5 ? [to, from] : [from, to];
    }
    case "disk-full":
      return [pick(fillable)];
    case "bit-rot":
    case "database-rot":
      return [pick(rotting)];
    case "freeze":
    case "partition":
    case "delay":
    case "reset":
      return [pick([SUPERNODE, ...nodes, ...nodes])];
    case "clock":
      return [pick([CLIENT, SUPERNODE, ...nodes])];
  }
}

function drawLength(random: Random): number {
  const long = random.unit() < LONG_SHARE;
  const [min, max] = long ? [LONG_MS_MIN, LONG_MS_MAX] : [SHORT_MS_MIN, SHORT_MS_MAX];
  return min + random.unit() * (max - min);
}

function drawAmount(kind: FaultKind, random: Random, pick: Pick): number {
  if (kind === "delay") return Math.ceil(random.unit() * DELAY_MS_MAX);
  if (kind === "clock") return Math.round(pick(CLOCK_JUMPS_MS) * (random.unit() * 2 - 1));
  return 0;
}
