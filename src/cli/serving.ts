/** Life of a server process: the ready line, then service until a signal, then drain. */
import { rmdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Exit, messageOf } from "../base/errors.ts";
import { DRAIN_MS } from "../limits.ts";
import type { Output } from "./output.ts";
import { takeSignals } from "./signals.ts";

/** What a server prints when it serves (CLI.md). */
export interface Ready {
  readonly event: "ready";
  readonly role: "supernode" | "datanode";
  readonly id: string;
  readonly grpc: string;
  readonly http: string;
  readonly pid: number;
  readonly dataDir: string;
}

/**
 * Set by `qdfs up` and `qdfs chaos` for their children: standard input is a pipe that the parent holds, and its end is the end
 * of the parent. `temporary`: the data go too. `chaos`: the parent may shift the wall clock through the pipe (server-runtime.ts).
 */
export const PARENT_ENV = "QDFS_CHILD_OF_UP";
export type ParentWord = "kept" | "temporary" | "chaos";
/** How long a child that lost its parent may drain. */
const ORPHAN_DRAIN_MS = 800;

/** What a child does when its parent is gone; undefined: this is nobody's child. */
let onOrphaned: (() => void) | undefined;

/** Until it serves, a child ends at once with its parent, whatever it waits for: there is nothing to drain. */
export function endWithParent(dataDir: string): void {
  if (process.env[PARENT_ENV] === undefined) return;
  onOrphaned = () => {
    if (process.env[PARENT_ENV] === "temporary") removeData(dataDir);
    process.exit(Exit.INTERRUPTED);
  };
  const end = () => onOrphaned?.();
  process.stdin.on("end", end).on("close", end).on("error", end).resume();
}

/**
 * Prints the ready line, waits for SIGTERM, SIGINT or the parent's end, drains. A second signal ends the process at once, and
 * so does a drain that takes longer than DRAIN_MS.
 */
export async function serveUntilStopped(output: Output, ready: Ready, words: string, drain: () => Promise<void>): Promise<Exit> {
  const stopped = stopRequest();
  output.row(ready, words);
  await output.flush();
  const { orphan, why } = await stopped;
  output.notice(`qdfs ${ready.role} ${ready.id}: ${why}, draining`);
  await Promise.race([
    drain().catch((error: unknown) => output.notice(`qdfs ${ready.role} ${ready.id}: while draining: ${messageOf(error)}`)),
    Bun.sleep(orphan ? ORPHAN_DRAIN_MS : DRAIN_MS),
  ]);
  if (orphan && process.env[PARENT_ENV] === "temporary") removeData(ready.dataDir);
  return Exit.DONE;
}

interface StopRequest {
  readonly orphan: boolean;
  readonly why: string;
}

function stopRequest(): Promise<StopRequest> {
  return new Promise((resolve) => {
    let signals = 0;
    takeSignals((signal) => {
      signals += 1;
      if (signals > 1) process.exit(Exit.INTERRUPTED);
      resolve({ orphan: false, why: signal });
    });
    if (onOrphaned !== undefined) onOrphaned = () => resolve({ orphan: true, why: "the parent is gone" });
  });
}

/** The data of one child of `up --temp`; the last one removes the directory around them. Best effort: nobody is there to be told. */
function removeData(dataDir: string): void {
  try {
    rmSync(dataDir, { recursive: true, force: true });
    rmdirSync(dirname(dataDir));
  } catch {
    // Another child's data are still there, or someone else's.
  }
}
