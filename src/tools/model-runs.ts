/** What is run of the register's model (src/register/model): rules that must hold, and weakened ones that must be caught. */

export interface ModelRun {
  readonly name: string;
  readonly init: string;
  readonly step: string;
  readonly stepsMax: number;
}

export interface SoundRun extends ModelRun {
  /** Each must have come true in some run, or nothing was explored. */
  readonly witnesses: readonly string[];
}

export interface WeakRun extends ModelRun {
  /** The rules and invariants that may be seen broken, the number alone. */
  readonly breaks: readonly string[];
}

const SEVERAL_WRITES = "s.acknowledged.length() > 1";
const FOLDED = "s.accepts.exists(a => a.marked)";
const PROMISED_NEXT = "s.accepts.exists(a => s.accepts.exists(b => a.next == b.ballot))";
const MOVED = "s.final.keys().exists(b => configurationOf(b) == 3)";
const ERASED = "s.replicas.keys().exists(r => s.replicas.get(r).everErased > 0)";

function sound(name: string, init: string, stepsMax: number, ...witnesses: string[]): SoundRun {
  return { name, init, step: "step", stepsMax, witnesses: [SEVERAL_WRITES, ...witnesses] };
}

/** Every one mixes policies (N 1 to 5), crashes, evictions, retries, reads and settles. */
export const SOUND_RUNS: readonly SoundRun[] = [
  sound("phase 1 in full", "init", 60),
  sound("folded phase 1 (P24)", "initFolded", 60, FOLDED),
  sound("folded on what the coordinator saw chosen (P24)", "initAhead", 60, FOLDED),
  sound("R=1: folded without a mark (P24)", "initUnmarkedR1", 60),
  sound("next promises (P7)", "initCarried", 60, PROMISED_NEXT),
  sound("folded phase 1 and next promises (P24, P7)", "initBoth", 60, FOLDED, PROMISED_NEXT),
  sound("a window of one operation, three attempts (P12, P13)", "initSmallWindow", 60, FOLDED),
  sound("a change of configuration (P10, P16)", "initMoving", 100, MOVED),
  sound("a change of configuration, with P24 and P7", "initMovingFolded", 100, MOVED, FOLDED),
  sound("erasing (P14)", "initErasing", 100, ERASED),
  sound("erasing, with P24 and P7", "initErasingFolded", 100, ERASED, FOLDED),
];

interface Focus {
  readonly stepsMax?: number;
  readonly step?: string;
}

/** `name` is what the model calls it in `rules.planted`; its run begins with `init` and the name in camel case. */
function weak(name: string, breaks: readonly string[], { stepsMax = 60, step = "step" }: Focus = {}): WeakRun {
  const init = `init${name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())}`;
  return { name, init, step, stepsMax, breaks };
}

const LOSES = ["I3", "I5"];
const WRITING: Focus = { step: "stepWriting" };
const MOVING: Focus = { stepsMax: 100 };

export const WEAK_RUNS: readonly WeakRun[] = [
  // P24
  weak("home-first", LOSES),
  weak("base-unchecked", LOSES),
  weak("fold-on-unchosen", LOSES),
  weak("fold-unmarked", LOSES),
  weak("refused-ballot-again", ["I3"]),
  weak("fold-while-joint", LOSES, MOVING),
  // P7
  weak("next-above-ceiling", ["I2"]),
  weak("next-used-twice", ["I3"]),
  // Acceptors, memory and disks
  weak("no-ceiling", ["I2", "I3", "I5"]),
  weak("ballot-reuse", ["I3"]),
  weak("accept-below-promise", ["I2"]),
  weak("ack-before-fsync", LOSES),
  weak("evict-without-floor", ["I2"]),
  weak("wiped-keeps-identity", ["I2", "I3", "I5"]),
  // Quorums, reads and settling
  weak("quorums-apart", ["I3", "I4", "I5"]),
  weak("read-without-settle", ["I3", "I4"]),
  weak("supersedes-unsettled", LOSES),
  weak("chosen-before-w", ["I3", "I4", "I5"]),
  // Exactly once
  weak("refusal-from-own-head", ["P8", "P13"], WRITING),
  weak("refusal-unrecorded", ["P13"], WRITING),
  weak("forgets-quietly", ["P12"], WRITING),
  // Configurations
  weak("counts-over-the-union", ["I3", "I4", "I5", "I8"], MOVING),
  weak("no-barrier", ["I4", "I8"], MOVING),
  weak("scans-one-replica", ["I3", "I4", "I5"], MOVING),
  // Erasing
  weak("erases-on-one-word", ["I3", "I4", "I5", "P12"], MOVING),
  weak("no-erase-floor", ["I9"], WRITING),
  weak("takes-the-erased-ballot", ["I9"], WRITING),
  weak("erase-forgets-nothing", ["P12"], WRITING),
];
