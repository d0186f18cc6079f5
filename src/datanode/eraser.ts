/**
 * Erases tombstones (P14): a file that was deleted stays in the trash for the grace time, and then every replica of every live configuration
 * drops it. Runs at the file's home, in the background; another replica takes over when the home does not get to it.
 *
 * First the kept versions go, by a head without a history that is proposed like any other: so a tombstone that some have erased and others have
 * not names nothing whose bytes are at too few of them, should it be settled again. Then the tombstone, of ballot t, is erased in two rounds: all are asked whether they are ready (erasing-turn.ts says when they are), and only when all
 * have said so, all are told to erase it, this node last. So nobody holds anything older than t from the first word on, nor can take it: a
 * replica that is absent at t, down or cut off, holds the erasing up for as long as it is. It is waited for, however long: there is no time
 * after which a replica that was away would have to be distrusted. One that never returns is replaced, and one that returns after that begins with
 * nothing (P15). What was broken off between the rounds is begun again from here.
 *
 * Clocks decide when to look, nothing else. The age of a tombstone goes by the wall clocks of who wrote it and of this node; where they are
 * wrong the trash is emptied early or late, though never before this node has watched it for a while.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { replicasOf } from "../cluster/map.ts";
import { tombstoneGraceMs } from "../cluster/retention.ts";
import {
  CATCH_UP_BATCH,
  COMPLETE_MS,
  ERASE_FILES_PER_SEC,
  GARBAGE_LOOK_MS_MAX,
  GARBAGE_LOOK_MS_MIN,
  OPERATION_BUDGET_MS,
  QUORUM_PATIENCE_MS,
  TOMBSTONE_WATCH_MS,
  TOMBSTONES_WATCHED_MAX,
} from "../limits.ts";
import type { Cancel, NodeStore, Runtime, StoredChange } from "../ports.ts";
import { sameBallot } from "../register/ballot.ts";
import { newestStamp } from "../register/head.ts";
import { headCodec } from "../wire/codec.ts";
import { operationsNamed, summarizeHead } from "../wire/head-summary.ts";
import type { Ballot, Configuration } from "../wire/messages.ts";
import type { Coordinator } from "./coordinator.ts";
import type { MapKeeper } from "./map-keeper.ts";
import { Pace } from "./pace.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

export interface EraserParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly replica: Replica;
  readonly coordinator: Coordinator;
  readonly onFatal: (error: unknown) => void;
}

interface Watched {
  readonly ballot: Ballot;
  /** The operation that made it. */
  readonly random: string;
  /** Monotonic. */
  readonly sinceMs: number;
  /** By the writer's wall clock; 0: of a file that was never written, whose head carries refusals only. */
  readonly writtenAtMs: number;
}

/** Who is not the home lets it have this much longer. */
const TAKEOVER_FACTOR = 3;

export class Eraser {
  readonly #parts: EraserParts;
  readonly #pace: Pace;
  readonly #watched = new Map<Path, Watched>();
  /** How far our own change log was looked through, in this life. */
  #through = 0;
  #cancel: Cancel = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  /** What held the last round up, in words. */
  waitsFor = "";
  erasedCount = 0;

  constructor(parts: EraserParts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.runtime.clock, parts.runtime.timers, ERASE_FILES_PER_SEC);
  }

  /** Tombstones here that are not erased yet. */
  get waiting(): number {
    return this.#watched.size;
  }

  start(): void {
    const everyMs = lookEveryMs(tombstoneGraceMs(this.#parts.maps.map.policy));
    this.#cancel = this.#parts.runtime.timers.after(everyMs, () => {
      this.#running = this.#round()
        .then(() => {
          if (!this.#stopped) this.start();
        })
        .catch(this.#parts.onFatal);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #round(): Promise<void> {
    await this.#gather();
    let waitsFor = "";
    for (const [path, watched] of [...this.#watched]) {
      if (this.#stopped) return;
      if (!this.#isDue(path, watched)) continue;
      await this.#pace.spend(1);
      try {
        waitsFor = (await this.#erase(path, watched)) ?? waitsFor;
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        waitsFor = `${path}: ${messageOf(error)}`;
      }
    }
    this.waitsFor = waitsFor;
  }

  /** Looks through what became of files since the last round. When many are watched already the rest waits in the log. */
  async #gather(): Promise<void> {
    const { store } = this.#parts;
    while (!this.#stopped && this.#watched.size < TOMBSTONES_WATCHED_MAX) {
      const changes = await this.#changes();
      for (const change of changes) this.#note(change);
      const last = changes.at(-1);
      if (last === undefined) {
        this.#through = Math.max(this.#through, 0);
        return;
      }
      this.#through = last.sequence;
      if (changes.length < CATCH_UP_BATCH && this.#through >= store.sequence) return;
    }
  }

  #changes(): Promise<readonly StoredChange[]> {
    const { store, replica, runtime } = this.#parts;
    return new Promise((resolve, reject) => {
      runtime.timers.soon(() =>
        replica.betweenCommits(() => {
          try {
            resolve(store.changesAfter(this.#through, CATCH_UP_BATCH));
          } catch (error) {
            reject(error);
          }
        }),
      );
    });
  }

  #note({ path, ballot, head, erased }: StoredChange): void {
    const watched = this.#watched.get(path);
    if (watched !== undefined && sameBallot(watched.ballot, ballot) && erased !== true) return;
    this.#watched.delete(path);
    if (erased === true) return;
    try {
      const [random = ""] = operationsNamed(head, 1);
      const { current } = summarizeHead(head);
      if (!current.tombstone) return;
      // Settled again it is the same one.
      const sinceMs = watched?.random === random ? watched.sinceMs : this.#parts.runtime.clock.monotonicMs();
      this.#watched.set(path, { ballot, random, sinceMs, writtenAtMs: current.version === 0 ? 0 : current.writtenAtMs });
    } catch (error) {
      if (codeOf(error) === undefined) throw error; // a damaged head: not here
    }
  }

  #isDue(path: Path, { sinceMs, writtenAtMs }: Watched): boolean {
    const { maps, runtime } = this.#parts;
    const graceMs = tombstoneGraceMs(maps.map.policy);
    const watchMs = Math.min(graceMs, TOMBSTONE_WATCH_MS);
    const watchedMs = runtime.clock.monotonicMs() - sinceMs;
    const configuration = maps.map.partitions[maps.partitionOf(path)];
    if (configuration === undefined || maps.numberOf(path) === undefined) return false;
    if (watchedMs < watchMs * (replicasOf(configuration)[0] === maps.self ? 1 : TAKEOVER_FACTOR)) return false;
    return runtime.clock.wallMs() - writtenAtMs >= graceMs;
  }

  /** Undefined: it is done, or not to be done any more. Else what it waits for. */
  async #erase(path: Path, { ballot }: Watched): Promise<string | undefined> {
    const { maps, replica, coordinator } = this.#parts;
    const accepted = replica.accepted(path);
    if (!sameBallot(accepted.ballot, ballot)) {
      this.#watched.delete(path); // its change is in the log, or will be
      return undefined;
    }
    const configuration = maps.configurationOf(path);
    const head = headCodec.decode(accepted.head);
    if (head.history.length > 0) {
      await coordinator.emptyTrash(path, head.current.operation, OPERATION_BUDGET_MS);
      return undefined; // the next round meets the tombstone without them
    }
    const forgotten = newestStamp(head);
    const replicas = replicasOf(configuration);
    const late = await this.#allBut(replicas, (node) =>
      this.#ask(node, configuration, { path, ballot, forgotten, remove: false }),
    );
    if (late.length > 0) {
      for (const { node } of late) this.#bring(node, configuration, path, ballot);
      return words(path, late);
    }
    const others = replicas.filter((node) => node !== maps.self);
    for (const some of [others, [maps.self]]) {
      const left = await this.#allBut(some, (node) => this.#ask(node, configuration, { path, ballot, forgotten, remove: true }));
      if (left.length > 0) return words(path, left);
    }
    this.#watched.delete(path);
    this.erasedCount += 1;
    return undefined;
  }

  /** Those that do not say yes, and why. */
  async #allBut(
    nodes: readonly NodeNumber[],
    ask: (node: NodeNumber) => Promise<string | undefined>,
  ): Promise<readonly { readonly node: NodeNumber; readonly cause: string }[]> {
    const causes = await Promise.all(nodes.map(async (node) => ({ node, cause: await ask(node) })));
    return causes.flatMap(({ node, cause }) => (cause === undefined ? [] : [{ node, cause }]));
  }

  async #ask(
    node: NodeNumber,
    { number }: Configuration,
    erase: { readonly path: Path; readonly ballot: Ballot; readonly forgotten: number; readonly remove: boolean },
  ): Promise<string | undefined> {
    try {
      const { erased } = await this.#parts.peers.call(node, number, { erase }, QUORUM_PATIENCE_MS);
      return erased?.ready === true ? undefined : "holds something else";
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return messageOf(error);
    }
  }

  /** Has a replica that is behind take the tombstone over; the next round asks it again. */
  #bring(node: NodeNumber, { number }: Configuration, path: Path, ballot: Ballot): void {
    if (node === this.#parts.maps.self) return;
    this.#parts.peers.call(node, number, { complete: { path, ballot } }, COMPLETE_MS).catch((error: unknown) => {
      if (codeOf(error) === undefined) this.#parts.onFatal(error);
    });
  }
}

/** How often is looked for what is left alone for so long. */
export function lookEveryMs(leftAloneMs: number): number {
  return Math.min(GARBAGE_LOOK_MS_MAX, Math.max(GARBAGE_LOOK_MS_MIN, leftAloneMs / 4));
}

function words(path: Path, late: readonly { readonly node: NodeNumber; readonly cause: string }[]): string {
  return `${path}: ${late.map(({ node, cause }) => `${nodeName(node)}: ${cause}`).join("; ")}`;
}
