/** Where a DataNode's scrub stands: a line of JSON in its database, so that a restart goes on where it was. */
import { BEFORE_ALL_ROWS, type ChunkId } from "../ports.ts";

export interface ScrubState {
  /** Counts the passes of this disk, from 1. */
  readonly pass: number;
  /** Asked for by hand. */
  readonly forced: boolean;
  /** Wall clock; a clock that was wrong makes a pass come early or late, and nothing else. */
  readonly startedAtMs: number;
  /** 0: it has not ended. */
  readonly finishedAtMs: number;
  /** Rows of the database come first, then chunk files. */
  phase: "rows" | "chunks";
  /** The last row looked at, and the last one that this pass is about: what was accepted later is the next one's. */
  afterRow: number;
  readonly throughRow: number;
  afterChunk: ChunkId;
  /** What was read so far. */
  bytes: number;
  files: number;
  contents: number;
  chunks: number;
  /** Found bad or missing, and mended since, in lives before this one. */
  found: number;
  mended: number;
}

export function newPass(pass: number, forced: boolean, startedAtMs: number, throughRow: number): ScrubState {
  const counts = { bytes: 0, files: 0, contents: 0, chunks: 0, found: 0, mended: 0 };
  const position = { phase: "rows", afterRow: BEFORE_ALL_ROWS, throughRow, afterChunk: "" } as const;
  return { pass, forced, startedAtMs, finishedAtMs: 0, ...position, ...counts };
}

export function formatScrubState(state: ScrubState): string {
  return JSON.stringify(state);
}

const NUMBERS = [
  "pass",
  "startedAtMs",
  "finishedAtMs",
  "afterRow",
  "throughRow",
  "bytes",
  "files",
  "contents",
  "chunks",
  "found",
  "mended",
] as const;

/** Undefined: there is none, or it was damaged: the scrub begins anew. */
export function parseScrubState(text: string | undefined): ScrubState | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isState(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isState(value: unknown): value is ScrubState {
  if (typeof value !== "object" || value === null) return false;
  const field = new Map<string, unknown>(Object.entries(value));
  const phase = field.get("phase");
  return (
    NUMBERS.every((name) => Number.isSafeInteger(field.get(name))) &&
    typeof field.get("forced") === "boolean" &&
    typeof field.get("afterChunk") === "string" &&
    (phase === "rows" || phase === "chunks")
  );
}
