/** What the SuperNode says of the cluster when it is asked for its status, as on the wire. */
import type { NodeNumber } from "../base/ids.ts";
import type { QuorumShare, Rebalance } from "./change-messages.ts";
import type { Garbage } from "./garbage-messages.ts";
import type { Alarm } from "./membership-messages.ts";
import type { Node, Policy } from "./messages.ts";

export interface StatusRequest {
  readonly eventual: boolean;
  /** Files by partition are wanted, too. */
  readonly partitions?: boolean;
}
export interface NodeStatus {
  readonly node: Node;
  readonly files: number;
  readonly bytes: number;
  readonly capacityBytes: number;
  readonly leads: number;
  readonly opsPerSec: number;
  readonly catchingUp: number;
  readonly usedBytes: number;
  readonly badCopiesFound: number;
  readonly badCopiesMended: number;
  /** Of which it is a replica. */
  readonly partitions: number;
  /** Phi: one silence in 10^phi like its present one still ends by itself. */
  readonly suspicion: number;
  /** How often it vanished lately, and how long it has to be steady before it is counted on again; 0: it is. */
  readonly flaps: number;
  readonly heldForMs: number;
  readonly freeBytes: number;
  /** Of the program; empty: not heard. */
  readonly version: string;
}
export interface StatusReply {
  readonly clusterId: string;
  readonly mapVersion: number;
  readonly policy: Policy;
  readonly state: string;
  readonly files: number;
  readonly bytes: number;
  readonly nodes: readonly NodeStatus[];
  readonly alarms: readonly string[];
  readonly waitingFor: string;
  readonly incomplete: string;
  /** Null: every partition is where it belongs. */
  readonly rebalance: Rebalance | null;
  /** Of all DataNodes that are heard. */
  readonly garbage?: Garbage | null;
  /** Null: the quorum is fixed. */
  readonly adaptive: AdaptiveStatus | null;
  /** What partitions go by now, the most of them first. */
  readonly quorums: readonly QuorumShare[];
  /** What `alarms` says in words, of single nodes. */
  readonly raised: readonly NodeAlarm[];
  /** The SuperNode's program. */
  readonly version: string;
  /** Files by partition, if they were asked for. */
  readonly partitionFiles: readonly number[];
  /** Partitions that change, the oldest change first, and for how long nothing was carried over. */
  readonly joint: readonly Joint[];
  readonly standstillMs: number;
  /** When `qdfs backup` was last handed the SuperNode's state, by its clock, Unix epoch; 0: never, as far as it knows. */
  readonly backedUpAtMs: number;
}
/** A partition in a joint configuration, and for how long it has been, as far as this SuperNode saw. */
export interface Joint {
  readonly partition: number;
  readonly number: number;
  readonly forMs: number;
}
/** What the controller of an adaptive quorum is about. */
export interface AdaptiveStatus {
  readonly wantedW: number;
  readonly wantedR: number;
  readonly reason: string;
  readonly readsPerSec: number;
  readonly writesPerSec: number;
  /** Changes since the process started: carried out; begun in vain. */
  readonly moves: number;
  readonly failed: number;
}
export interface NodeAlarm {
  readonly node: NodeNumber;
  readonly alarm: Alarm;
}
