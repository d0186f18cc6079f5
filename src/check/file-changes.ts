/** The changes of one file, arranged for what a listing has to know about them. */
import type { RecordedListing, RecordedOperation } from "./history.ts";
import { roleOf } from "./model.ts";

type Span = Pick<RecordedListing, "callNs" | "returnNs">;

export class FileChanges {
  /** Done for certain, in order of return. */
  readonly #done: RecordedOperation[] = [];
  /** For each of them the one with the highest version up to there. */
  readonly #highest: (RecordedOperation | undefined)[] = [];
  /** May have been done at any time after their calls. */
  readonly #open: RecordedOperation[] = [];
  /** Of both kinds. */
  readonly #removals: readonly RecordedOperation[];
  readonly #byVersion = new Map<number, RecordedOperation[]>();
  /** Versions may begin anew: they tell no order. */
  readonly #restarts: boolean;

  private constructor(operations: readonly RecordedOperation[], tombstonesErased: boolean) {
    this.#restarts = tombstonesErased && operations.some(({ kind }) => kind === "rm");
    for (const operation of operations) {
      const role = roleOf(operation);
      if (role === "open") this.#open.push(operation);
      if (role === "change") this.#done.push(operation);
    }
    this.#done.sort((a, b) => (a.returnNs ?? 0) - (b.returnNs ?? 0));
    this.#removals = [...this.#done, ...this.#open].filter(({ kind }) => kind === "rm");
    let highest: RecordedOperation | undefined;
    for (const change of this.#done) {
      const { version } = change;
      if (version !== null) {
        if (version > (highest?.version ?? 0)) highest = change;
        const makers = this.#byVersion.get(version);
        if (makers === undefined) this.#byVersion.set(version, [change]);
        else makers.push(change);
      }
      this.#highest.push(highest);
    }
  }

  /** By path. */
  static of(operations: readonly RecordedOperation[], tombstonesErased: boolean): ReadonlyMap<string, FileChanges> {
    const changes = operations.filter(({ kind }) => kind !== "get");
    return new Map(
      [...Map.groupBy(changes, ({ path }) => path)].map(([path, ofFile]) => [path, new FileChanges(ofFile, tombstonesErased)]),
    );
  }

  /** The puts and restores that may have made this version before the listing ended. */
  makersOf(version: number, { returnNs }: Span): readonly RecordedOperation[] {
    const told = this.#byVersion.get(version) ?? [];
    const isMaker = ({ kind, callNs }: RecordedOperation) => kind !== "rm" && callNs <= returnNs;
    if (told.length > 0 && !this.#restarts) return told.filter(isMaker);
    const untold = this.#done.filter((change) => change.version === null);
    return [...told, ...untold, ...this.#open].filter(isMaker);
  }

  /** The change with the highest version that had returned before the listing began, if that is higher than `version`. */
  newerReturnedBefore(version: number, { callNs }: Span): RecordedOperation | undefined {
    if (this.#restarts) return undefined;
    const highest = this.#highest[this.#returnedBefore(callNs) - 1];
    return highest !== undefined && (highest.version ?? 0) > version ? highest : undefined;
  }

  /** A removal that had returned before the listing began and that none of `makers` may have followed. */
  removalAfterAll(makers: readonly RecordedOperation[], { callNs }: Span): RecordedOperation | undefined {
    return this.#removals.find(
      (rm) =>
        roleOf(rm) === "change" &&
        rm.returnNs !== null &&
        rm.returnNs < callNs &&
        !makers.some((maker) => this.#mayFollow(maker, rm)),
    );
  }

  /** A put or restore that had returned before the listing began and that no removal called before its end may have followed. */
  putThatMustBeListed({ callNs, returnNs }: Span): RecordedOperation | undefined {
    const removals = this.#removals.filter((rm) => rm.callNs <= returnNs);
    const mustBe = (put: RecordedOperation) => put.kind !== "rm" && !removals.some((rm) => this.#mayFollow(rm, put));
    return this.#done.slice(0, this.#returnedBefore(callNs)).findLast(mustBe);
  }

  /** How many of `#done` had. */
  #returnedBefore(momentNs: number): number {
    let [low, high] = [0, this.#done.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#done[middle]?.returnNs ?? 0) < momentNs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether `change` may have been done after `other`: by their versions where both tell one, else by their times. */
  #mayFollow(change: RecordedOperation, other: RecordedOperation): boolean {
    const told = roleOf(change) === "change" && change.version !== null && other.version !== null && !this.#restarts;
    if (told) return (change.version ?? 0) > (other.version ?? 0);
    return change.returnNs === null || roleOf(change) === "open" || change.returnNs >= other.callNs;
  }
}
