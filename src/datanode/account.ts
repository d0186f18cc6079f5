/** What a DataNode says of itself: to the SuperNode with every heartbeat, and at /metrics. */
import { gauge } from "../base/exposition.ts";
import type { NodeNumber } from "../base/ids.ts";
import type { NodeStore } from "../ports.ts";
import type { Alarms } from "./alarms.ts";
import type { CatchUp } from "./catch-up.ts";
import type { Coordinator } from "./coordinator.ts";
import type { Damages } from "./damages.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Entropy } from "./entropy.ts";
import type { GarbageKeeper } from "./garbage-keeper.ts";
import type { LoadMeter } from "./load-meter.ts";
import type { NodeReport } from "./membership.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";
import type { Scrub } from "./scrub.ts";

export interface AccountParts {
  readonly self: NodeNumber;
  readonly capacityBytes: number;
  readonly store: NodeStore;
  readonly replica: Replica;
  readonly coordinator: Coordinator;
  readonly catchUp: CatchUp;
  readonly scrub: Scrub;
  readonly entropy: Entropy;
  readonly alarms: Alarms;
  readonly damages: Damages;
  readonly version: string;
  readonly load: LoadMeter;
  readonly peers: Peers;
  readonly dispatcher: Dispatcher;
  readonly garbage: GarbageKeeper;
}

export class Account {
  readonly #parts: AccountParts;

  constructor(parts: AccountParts) {
    this.#parts = parts;
  }

  /** The text of /metrics, in the Prometheus exposition format. */
  metrics(freeBytes: number): string {
    const { files, bytes } = this.#parts.store.usage();
    const lines: (readonly [string, string, number])[] = [
      ["qdfs_files", "Files of which this node holds a head.", files],
      ["qdfs_bytes", "Bytes of inline content and chunks.", bytes],
      ["qdfs_operations_total", "Requests taken.", this.#parts.load.total],
      ["qdfs_coordinator_in_flight", "Operations queued or running.", this.#parts.coordinator.inFlight],
      ["qdfs_replica_inbox", "Requests waiting for the next commit.", this.#parts.replica.depth],
      ["qdfs_change_sequence", "Sequence of the last committed accept.", this.#parts.store.sequence],
      ["qdfs_catch_up_behind", "Changes at peers not looked at yet.", this.#parts.catchUp.behind],
      ["qdfs_catch_up_taken_total", "Files taken over from peers.", this.#parts.catchUp.takenCount],
      ["qdfs_bad_copies_total", "Copies found bad, missing or older than others'.", this.#parts.damages.foundCount],
      ["qdfs_older_copies_total", "Of those, values that others held a newer one of.", this.#parts.damages.olderCount],
      ["qdfs_mended_copies_total", "Of those, mended.", this.#parts.damages.mendedCount],
      ["qdfs_unmended_copies", "Bad, missing or older copies now.", this.#parts.damages.openCount],
      ["qdfs_scrub_pass", "Passes begun of this disk.", this.#parts.scrub.state?.pass ?? 0],
      ["qdfs_scrub_bytes", "Bytes read in the last pass.", this.#parts.scrub.state?.bytes ?? 0],
      ["qdfs_free_bytes", "Room on the disk.", freeBytes],
      ...this.#parts.entropy.findings.metrics(),
      ...this.#parts.garbage.metrics(),
    ];
    const alarms = this.#parts.alarms.list().map(({ kind, count }) => [`{kind="${kind}"}`, count] as const);
    return [
      ...lines.map(([name, help, value]) => gauge(name, help, [["", value]])),
      gauge("qdfs_alarms", "Alarms raised, by kind.", alarms),
    ].join("");
  }

  report(freeBytes: number): NodeReport {
    return {
      load: { number: this.#parts.self, opsPerSec: this.#parts.load.perSec(), inFlight: this.#parts.coordinator.inFlight },
      usedBytes: this.#parts.store.usage().bytes,
      badCopiesFound: this.#parts.damages.foundCount,
      badCopiesMended: this.#parts.damages.mendedCount,
      capacityBytes: this.#parts.capacityBytes,
      freeBytes,
      alarms: this.#parts.alarms.list(),
      version: this.#parts.version,
      catchingUp: this.#parts.catchUp.behind,
      reads: this.#parts.dispatcher.reads,
      writes: this.#parts.dispatcher.writes,
      peers: this.#parts.peers.times(),
      garbage: this.#parts.garbage.report(),
    };
  }
}
