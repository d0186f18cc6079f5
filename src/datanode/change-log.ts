/**
 * Answers "what changed since" from the store's log (P19): a row per file, at the sequence of its latest accept, so the log
 * never needs trimming and never falls behind itself. Only what is committed is shown. A question that finds nothing new
 * waits for the next commit.
 */
import { QdfsError } from "../base/errors.ts";
import { BATCH_BYTES_MAX, CHANGES_MAX, CHANGES_WAIT_MS } from "../limits.ts";
import type { NodeStore, Runtime, StoredChange } from "../ports.ts";
import { failureAnswer } from "../wire/failure.ts";
import type { AnswerBody, Change, Changes } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Replica } from "./replica.ts";
import type { Reply } from "./turn.ts";

const NO_BYTES = new Uint8Array(0);
/** Everything of an encoded change but its path and head, from above. */
const CHANGE_OVERHEAD_BYTES = 64;

export class ChangeLog {
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly #replica: Replica;
  readonly #diskId: string;
  readonly #maps: MapKeeper;

  constructor(runtime: Runtime, store: NodeStore, replica: Replica, diskId: string, maps: MapKeeper) {
    this.#runtime = runtime;
    this.#store = store;
    this.#replica = replica;
    this.#diskId = diskId;
    this.#maps = maps;
  }

  sequence(): AnswerBody {
    return { sequence: { diskId: this.#diskId, current: this.#store.sequence, generation: this.#maps.generation } };
  }

  answer(changes: Changes, reply: Reply): void {
    if (this.#store.sequence > changes.after || changes.waitMs <= 0) {
      this.#replica.betweenCommits(() => reply(this.#readOrFail(changes)));
      return;
    }
    const wake = (): void => {
      cancelTimer();
      unwatch();
      this.#replica.betweenCommits(() => reply(this.#readOrFail(changes)));
    };
    const cancelTimer = this.#runtime.timers.after(Math.min(changes.waitMs, CHANGES_WAIT_MS), wake);
    const unwatch = this.#replica.watch(wake);
  }

  #readOrFail(changes: Changes): AnswerBody {
    try {
      return this.#read(changes);
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      return failureAnswer(error);
    }
  }

  #read({ after, limit, heads }: Changes): AnswerBody {
    const current = this.#store.sequence;
    const most = Math.min(limit || CHANGES_MAX, CHANGES_MAX);
    const rows = this.#store.changesAfter(after, most);
    const changes: Change[] = [];
    let sizeBytes = 0;
    for (const row of rows) {
      const change = this.#changeOf(row, heads);
      sizeBytes += CHANGE_OVERHEAD_BYTES + row.path.length * 3 + change.head.length;
      if (sizeBytes > BATCH_BYTES_MAX && changes.length > 0) break;
      changes.push(change);
    }
    const reachedEnd = changes.length === rows.length && rows.length < most;
    const last = changes.at(-1)?.sequence ?? after;
    const through = reachedEnd ? Math.max(current, last) : last;
    return { changes: { changes, diskId: this.#diskId, current, through, generation: this.#maps.generation } };
  }

  #changeOf({ sequence, path, ballot, head, erased }: StoredChange, heads: boolean): Change {
    if (erased === true) return { sequence, path, ballot, chosen: true, head: NO_BYTES, erased: true };
    const { chosen } = this.#replica.accepted(path);
    // The head travels once: from the replica that proposed it.
    return { sequence, path, ballot, chosen, head: heads && ballot.node === this.#maps.self ? head : NO_BYTES };
  }
}
