/** The messages of maintenance.proto, as messages.ts has the others. */
import type { Path } from "../base/ids.ts";

export interface Finding {
  readonly what: string;
  readonly path: Path;
  readonly name: string;
  readonly why: string;
  readonly mended: boolean;
}
export interface ScrubRequest {
  readonly start: boolean;
}
export interface ScrubReport {
  readonly pass: number;
  readonly running: boolean;
  readonly forced: boolean;
  readonly aside: boolean;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly periodMs: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly files: number;
  readonly contents: number;
  readonly chunks: number;
  readonly found: number;
  readonly mended: number;
  readonly unmended: number;
  readonly untried: number;
  readonly findings: readonly Finding[];
}
export interface RepairRequest {
  readonly paths: readonly string[];
  readonly since: number;
}
export interface RepairReply {
  readonly findings: readonly Finding[];
  readonly pending: readonly Path[];
  readonly unmended: readonly Path[];
  readonly since: number;
}
