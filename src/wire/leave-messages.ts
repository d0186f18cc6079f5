/** The messages about DataNodes that leave the cluster, as messages.ts has the others. */
import type { NodeNumber } from "../base/ids.ts";

export const LeaveStep = { DRAIN: 0, CANCEL: 1, REMOVE: 2, REMOVE_DEAD: 3 } as const;
export type LeaveStep = (typeof LeaveStep)[keyof typeof LeaveStep];

export interface LeaveRequest {
  readonly node: NodeNumber;
  readonly step: LeaveStep;
  /** Only say what it would mean. */
  readonly dryRun: boolean;
  /** With REMOVE_DEAD: go on although acknowledged writes may have stood nowhere else. */
  readonly acceptLoss: boolean;
}

export interface LeaveReply {
  /** To be given to others, or, with CANCEL, that stay. */
  readonly partitions: number;
  /** In them. */
  readonly files: number;
  /** To be copied, about. */
  readonly sizeBytes: number;
  /** How long that takes at the present rate, about. */
  readonly expectedMs: number;
  /** Partitions of which as many replicas are dead as a write waits for. */
  readonly losing: number;
  /** Nodes that partitions are placed on afterwards. */
  readonly remaining: readonly NodeNumber[];
}
