/**
 * Judges rounds that are over: reads every file and its kept versions once more, strongly, then has the checker decide whether one
 * order of the operations explains everything, and adds what the checker cannot know: that an acknowledged put is still in the
 * history unless retention dropped it, and that what failed for certain is nowhere.
 */
import { codeOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { RecordedListing, RecordedOperation } from "../check/history.ts";
import { type Judgement, judge } from "../check/judge.ts";
import type { Violation } from "../check/verdict.ts";
import { operationLine } from "../check/words.ts";
import type { Runtime } from "../ports.ts";
import type { Version } from "../wire/messages.ts";
import type { Recorded, Round } from "./round.ts";
import type { ChaosClient, Workload } from "./workload.ts";

/** Who reads at the end: none of the workload's clients. */
const JUDGE_CLIENT = 0;
const RETRY_MS = 300;
const VIOLATIONS_MAX = 20;

/** What is remembered of a file whose round was judged. */
export interface FileFate {
  /** As last read; null: absent. */
  readonly version: number | null;
  readonly valueId: string | null;
  /** Changes of unknown outcome that had not taken effect by then, and still may: puts by what they write, removals as null. */
  readonly open: readonly (string | null)[];
}

export interface CheckResult {
  /** `unknown`: the checker gave up on some file, and found nothing wrong elsewhere. */
  readonly verdict: "ok" | "violated" | "unknown";
  readonly rounds: number;
  readonly files: number;
  readonly operationsChecked: number;
  readonly operationsOpen: number;
  readonly listingsChecked: number;
  readonly filesGivenUp: number;
  /** The first few, in words. */
  readonly violations: readonly string[];
  readonly violationsCount: number;
}

export class Judge {
  readonly #client: ChaosClient;
  readonly #workload: Workload;
  readonly #runtime: Runtime;
  readonly #fates = new Map<Path, FileFate>();
  readonly #violations: string[] = [];
  #violationsCount = 0;
  #rounds = 0;
  #operationsChecked = 0;
  #operationsOpen = 0;
  #listingsChecked = 0;
  #filesGivenUp = 0;

  constructor(client: ChaosClient, workload: Workload, runtime: Runtime) {
    this.#client = client;
    this.#workload = workload;
    this.#runtime = runtime;
  }

  get fates(): ReadonlyMap<Path, FileFate> {
    return this.#fates;
  }

  /** Something that must not be. */
  blame(text: string): void {
    this.#violationsCount++;
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(text);
  }

  result(): CheckResult {
    const verdict = this.#violationsCount > 0 ? "violated" : this.#filesGivenUp > 0 ? "unknown" : "ok";
    return {
      verdict,
      rounds: this.#rounds,
      files: this.#fates.size,
      operationsChecked: this.#operationsChecked,
      operationsOpen: this.#operationsOpen,
      listingsChecked: this.#listingsChecked,
      filesGivenUp: this.#filesGivenUp,
      violations: this.#violations,
      violationsCount: this.#violationsCount,
    };
  }

  /** Judges what is over until there is nothing left and `last()` says that nothing more will come. */
  async run(last: () => boolean, givenUp: () => boolean): Promise<void> {
    for (;;) {
      const round = this.#workload.over.shift();
      if (round === undefined && last()) return;
      if (round === undefined) await this.#sleep(RETRY_MS);
      else await this.#judge(round, givenUp);
    }
  }

  async #judge(round: Round, givenUp: () => boolean): Promise<void> {
    for (const path of round.paths) await this.#look(round, path, givenUp);
    for (const finding of [...round.findings, ...failedAndSeen(round.recorded)]) this.blame(finding);
    const { keepVersions } = this.#client.map.policy;
    const { recorded } = round;
    this.#take(judge(recorded.filter(isOperation), recorded.filter(isListing), { keptVersions: keepVersions }));
    this.#rounds++;
  }

  /** Reads the file and its kept versions, again and again while faults keep that from succeeding. */
  async #look(round: Round, path: Path, givenUp: () => boolean): Promise<void> {
    for (;;) {
      try {
        const current = await this.#workload.read(JUDGE_CLIENT, round, path);
        const kept = round.latest(path) === 0 ? [] : await this.#client.versions(path);
        for (const { version, tombstone } of kept)
          if (!tombstone && version !== current?.version) await this.#workload.read(JUDGE_CLIENT, round, path, version);
        for (const missing of lostPuts(round.recorded, path, kept, this.#client.map.policy.keepVersions)) this.blame(missing);
        const { version = null, valueId = null } = current ?? {};
        this.#fates.set(path, { version, valueId, open: openChanges(round.recorded, path) });
        return;
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        if (givenUp()) {
          this.blame(`${path} cannot be read though all faults are over: ${error instanceof Error ? error.message : error}`);
          return;
        }
        await this.#sleep(RETRY_MS);
      }
    }
  }

  #take(judgement: Judgement): void {
    this.#operationsChecked += judgement.operationsChecked;
    this.#operationsOpen += judgement.operationsOpen;
    this.#listingsChecked += judgement.listingsChecked;
    this.#filesGivenUp += judgement.filesGivenUp;
    for (const violation of judgement.violations) this.blame(violationWords(violation));
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#runtime.timers.after(delayMs, resolve));
  }
}

function violationWords({ path, contradiction, operations }: Violation): string {
  return [`${path}: ${contradiction}`, ...operations.map((operation) => `    ${operationLine(operation)}`)].join("\n");
}

function isOperation(recorded: Recorded): recorded is RecordedOperation {
  return recorded.kind !== "ls";
}

function isListing(recorded: Recorded): recorded is RecordedListing {
  return recorded.kind === "ls";
}

function isChange(recorded: Recorded): recorded is RecordedOperation {
  return recorded.kind === "put" || recorded.kind === "rm";
}

/** What was refused or failed for certain, and was read all the same. */
export function failedAndSeen(recorded: readonly Recorded[]): readonly string[] {
  const failed = new Set<string>();
  for (const operation of recorded)
    if (operation.kind === "put" && operation.outcome === "fail" && operation.valueId !== null) failed.add(operation.valueId);
  return recorded.flatMap((operation) =>
    operation.kind === "get" && operation.outcome === "ok" && operation.valueId !== null && failed.has(operation.valueId)
      ? [`${operation.path}@${operation.version}: shows ${operation.valueId}, whose put failed for certain`]
      : [],
  );
}

/** Acknowledged changes of a file that are not among its kept versions, though retention keeps that many. */
export function lostPuts(
  recorded: readonly Recorded[],
  path: Path,
  kept: readonly Pick<Version, "version">[],
  keepVersions: number,
): readonly string[] {
  const versions = new Set(kept.map(({ version }) => version));
  const current = Math.max(0, ...versions);
  return recorded.flatMap((operation) => {
    if (!isChange(operation) || operation.path !== path || operation.outcome !== "ok" || operation.version === null) return [];
    const { kind, version, valueId } = operation;
    const dropped = version < current - keepVersions;
    if (dropped || versions.has(version)) return [];
    return [
      `${path}@${version}: a ${kind} (${valueId ?? "removal"}) was acknowledged and is not in the history (current version: ${current})`,
    ];
  });
}

/** Changes of unknown outcome whose effect was not seen. */
function openChanges(recorded: readonly Recorded[], path: Path): readonly (string | null)[] {
  const seen = new Set<string | null>();
  for (const operation of recorded) if (operation.kind === "get" && operation.path === path) seen.add(operation.valueId);
  return recorded.flatMap((operation) =>
    isChange(operation) &&
    operation.path === path &&
    operation.outcome === "unknown" &&
    (operation.valueId === null || !seen.has(operation.valueId))
      ? [operation.valueId]
      : [],
  );
}
