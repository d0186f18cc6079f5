/** The messages by which DataNodes join, follow and report to a SuperNode, as messages.ts has the others. */
import type { NodeNumber } from "../base/ids.ts";
import type { Garbage } from "./garbage-messages.ts";
import type { ClusterMap, NodeLoad } from "./messages.ts";

export interface FollowRequest {
  readonly clusterId: string;
  readonly generation: number;
  readonly life: string;
  /** HOST:PORT. */
  readonly supernode: string;
}

export interface FollowReply {
  readonly map: ClusterMap;
  readonly number: NodeNumber;
  readonly diskId: string;
}

export interface JoinRequest {
  readonly clusterId: string;
  readonly number: NodeNumber;
  readonly diskId: string;
  readonly grpc: string;
  readonly http: string;
  readonly zone: string;
  readonly weight: number;
  readonly capacityBytes: number;
  readonly version: string;
  /** That it follows; 0: none yet. */
  readonly mapGeneration: number;
}

export interface JoinReply {
  readonly number: NodeNumber;
  readonly map: ClusterMap;
}

export interface HeartbeatRequest {
  readonly clusterId: string;
  readonly load: NodeLoad;
  readonly mapVersion: number;
  readonly mapGeneration: number;
  readonly usedBytes: number;
  readonly badCopiesFound: number;
  readonly badCopiesMended: number;
  readonly capacityBytes: number;
  readonly freeBytes: number;
  readonly alarms: readonly Alarm[];
  readonly version: string;
  readonly leaving: boolean;
  readonly catchingUp: number;
  /** Since the process started, as `writes`. */
  readonly reads: number;
  readonly writes: number;
  readonly peers: readonly PeerTimes[];
  readonly garbage?: Garbage | null;
}

/** Something is wrong with a node, of a kind of cluster/alarm.ts: `count` copies, files, … and what, or examples of it. */
export interface Alarm {
  readonly kind: string;
  readonly count: number;
  readonly words: readonly string[];
}

/** How long a replica takes to answer one that asks it; 0: not measured. */
export interface PeerTimes {
  readonly number: NodeNumber;
  /** What needs no disk. */
  readonly lookUpMs: number;
  /** Stable storage included. */
  readonly acceptMs: number;
  /** How far from these a time is, on average. */
  readonly lookUpDeviationMs: number;
  readonly acceptDeviationMs: number;
}

export interface HeartbeatReply {
  /** Only when it is newer than the one the node said it has. */
  readonly map: ClusterMap | null;
  readonly loads: readonly NodeLoad[];
}
