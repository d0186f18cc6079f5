/** What is run of the register's model (src/register/model): rules that must hold, and weakened ones that must be caught. */

export interface ModelRun {
  readonly name: string;
  readonly init: string;
  readonly step: string;
  readonly stepsMax: number;
}

export interface SoundRun extends ModelRun {
  readonly witnesses: readonly Witness[];
}

export interface WeakRun extends ModelRun {
  /** The rules and invariants that may be seen broken, the number alone. */
  readonly breaks: readonly string[];
}

/** Something that must come up in some run, or nothing was explored. */
export interface Witness {
  readonly what: string;
  readonly holds: string;
}

const SEVERAL: Witness = { what: "several changes acknowledged", holds: "s.acknowledged.length() > 1" };
const FOLDED: Witness = { what: "folded", holds: "s.accepts.exists(a => a.marked)" };
const NEXT: Witness = {
  what: "next promise used",
  holds: "s.accepts.exists(a => s.accepts.exists(b => a.next == b.ballot))",
};
const MOVED: Witness = { what: "written in the new configuration", holds: "s.final.keys().exists(b => configurationOf(b) == 3)" };
const RAISED: Witness = {
  what: "raised",
  holds: "s.replicas.keys().exists(r => s.replicas.get(r).everErased > s.replicas.get(r).everPromised)",
};
const RAISED_JOINT: Witness = {
  what: "raised by the joint configuration's time",
  holds: `s.move.issued > 1 and ${RAISED.holds}`,
};
const ERASED: Witness = { what: "erased", holds: "s.replicas.keys().exists(r => s.replicas.get(r).everErased > 0)" };

function sound(name: string, init: string, stepsMax: number, ...witnesses: Witness[]): SoundRun {
  return { name, init, step: "step", stepsMax, witnesses: [SEVERAL, ...witnesses] };
}

/** Every one mixes policies (N 1 to 5), crashes, evictions, retries, reads and settles. */
export const SOUND_RUNS: readonly SoundRun[] = [
  sound("phase 1 in full", "init", 60),
  sound("folded phase 1 (P24)", "initFolded", 60, FOLDED),
  sound("folded on what the coordinator saw chosen (P24)", "initAhead", 60, FOLDED),
  sound("R=1: folded without a mark (P24)", "initUnmarkedR1", 60),
  sound("next promises (P7)", "initCarried", 60, NEXT),
  sound("folded phase 1 and next promises (P24, P7)", "initBoth", 60, FOLDED, NEXT),
  sound("a window of one operation, three attempts (P12, P13)", "initSmallWindow", 60, FOLDED),
  sound("a change of configuration (P10, P16)", "initMoving", 100, MOVED),
  sound("a change of configuration, with P24 and P7", "initMovingFolded", 100, MOVED, FOLDED),
  sound("erasing (P14)", "initErasing", 100, ERASED),
  sound("erasing, with P24 and P7", "initErasingFolded", 100, ERASED, FOLDED),
  sound("a replica that died for good is replaced (P18)", "initDead", 100, MOVED),
  sound("a replica that died for good is replaced, with P24 and P7", "initDeadFolded", 100, MOVED, FOLDED),
  sound("erasing where one is absent, and is raised (P14)", "initErasingAbsent", 100, ERASED, RAISED),
  sound("erasing where one is absent, while the configuration changes", "initErasingAbsentMoving", 150, ERASED, RAISED_JOINT),
  sound("erasing while a replica that died for good is replaced", "initErasingDead", 150, ERASED, MOVED),
  sound("erasing while the configuration changes", "initErasingMoving", 150, ERASED, MOVED),
  sound("erasing while the configuration changes, with P24", "initErasingMovingFolded", 150, ERASED, MOVED, FOLDED),
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

/** A value that counted as final is lost, and whoever looks may see it. */
const LOSES = ["I3", "I4", "I5", "P8"];
const WRITING: Focus = { step: "stepWriting" };
const DISTURBED: Focus = { step: "stepDisturbed" };
const MOVING: Focus = { stepsMax: 100 };
const MOVING_FIRST: Focus = { step: "stepMoving" };

export const WEAK_RUNS: readonly WeakRun[] = [
  // P24
  weak("home-first", LOSES),
  weak("base-unchecked", LOSES),
  weak("fold-on-unchosen", LOSES),
  weak("fold-unmarked", LOSES),
  weak("refused-ballot-again", ["I3"], DISTURBED),
  weak("fold-while-joint", LOSES, MOVING),
  // P7
  weak("next-above-ceiling", ["I2"], DISTURBED),
  weak("next-used-twice", ["I3"], DISTURBED),
  // Acceptors, memory and disks
  weak("no-ceiling", ["I2", ...LOSES]),
  weak("ballot-reuse", ["I3"], WRITING),
  weak("accept-below-promise", ["I2"]),
  weak("ack-before-fsync", LOSES),
  weak("evict-without-floor", ["I2"]),
  weak("wiped-keeps-identity", ["I2", ...LOSES]),
  // Quorums, reads and settling
  weak("quorums-apart", LOSES),
  weak("read-without-settle", LOSES),
  weak("supersedes-unsettled", LOSES),
  weak("chosen-before-w", LOSES),
  // Exactly once
  weak("refusal-from-own-head", ["P8", "P13"], WRITING),
  weak("refusal-unrecorded", ["P13"], WRITING),
  weak("forgets-quietly", ["P12"], WRITING),
  // Configurations
  weak("counts-over-the-union", ["I8", ...LOSES], MOVING),
  weak("no-barrier", ["I8", ...LOSES], MOVING),
  weak("scans-one-replica", LOSES, MOVING_FIRST),
  weak("dead-lives", ["I8", ...LOSES], MOVING),
  weak("survivors-too-few", LOSES, MOVING_FIRST),
  // Erasing
  weak("absent-unraised", ["I9", ...LOSES], WRITING),
  weak("erases-on-one-word", LOSES, WRITING),
  weak("no-erase-floor", ["I9"], WRITING),
  weak("takes-the-erased-ballot", ["I9"], WRITING),
  weak("learns-the-erased", ["I9"], MOVING),
  weak("erase-forgets-nothing", ["P12"], WRITING),
  weak("moves-without-memory", ["I3", "I5", "P12"], MOVING_FIRST),
  weak("fold-forgets", ["I3", "I5", "P12"], MOVING_FIRST),
];
