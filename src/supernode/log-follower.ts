/**
 * Follows one DataNode's change log: asks for what comes after the last sequence read, and feeds the answers to the catalogue. The node
 * answers when there is something new. While no listing waits, it is asked at most every FOLLOW_PAUSE_MS, so that
 * under load a few large batches come instead of many small ones.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import {
  CHANGES_MAX,
  CHANGES_WAIT_MS,
  FOLLOW_PAUSE_MS,
  QUORUM_PATIENCE_MS,
  RECONNECT_BASE_MS,
  RECONNECT_MAX_MS,
} from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import type { Node } from "../wire/messages.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Nodes } from "./nodes.ts";

export class LogFollower {
  readonly #number: NodeNumber;
  readonly #runtime: Runtime;
  readonly #nodes: Nodes;
  readonly #catalogue: Catalogue;
  /** True while a listing waits for what the logs hold. */
  readonly #hurried: () => boolean;
  readonly #heard: (generation: number) => void;
  #stopped = false;
  #failures = 0;
  /** An answer was taken in since this follower began, or since it last failed. */
  #inTouch = false;
  /** The disk went back in time. Kept for the life of this process. */
  #rollback = "";
  /** The catalogue could not take what was read. */
  #untaken = "";
  /** The node follows another SuperNode, which has not taken this one's place (succession.ts). */
  #elsewhere = "";
  #endPause: (() => void) | undefined;

  /** `heard`: told which generation the node follows. */
  constructor(
    number: NodeNumber,
    runtime: Runtime,
    nodes: Nodes,
    catalogue: Catalogue,
    hurried: () => boolean,
    heard: (generation: number) => void,
  ) {
    this.#number = number;
    this.#runtime = runtime;
    this.#nodes = nodes;
    this.#catalogue = catalogue;
    this.#hurried = hurried;
    this.#heard = heard;
  }

  /** What a person should know about this log; empty: nothing. */
  get alarm(): string {
    return this.#untaken || this.#rollback || this.#elsewhere;
  }

  /** Runs until `stop`. Rejects only on a bug. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const next = await this.#poll();
        this.#failures = 0;
        if (next === "later" || (next === "new" && !this.#hurried())) await this.#pause(FOLLOW_PAUSE_MS);
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        this.#failed(error);
        await this.#pause(Math.min(RECONNECT_MAX_MS, RECONNECT_BASE_MS * 2 ** Math.min(this.#failures, 10)));
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** Ends a pause: a listing waits, or the node is back. */
  wake(): void {
    this.#endPause?.();
  }

  /** One request. Then: there is more to read `now`; all was read, so ask for what is `new`; nothing can be taken until `later`. */
  async #poll(): Promise<"now" | "new" | "later"> {
    const node = this.#nodes.node(this.#number);
    if (node === undefined) throw new QdfsError("NODE_UNREACHABLE", `${nodeName(this.#number)} is no member`);
    if (this.#catalogue.isFull(node.diskId)) return "later"; // what waits is settled first
    const after = this.#catalogue.log(node.diskId).through;
    // The first answer comes at once: it says how far the log reaches, which a listing wants to know.
    const waitMs = this.#inTouch ? CHANGES_WAIT_MS : 0;
    const body = { changes: { after, limit: CHANGES_MAX, waitMs, heads: true } };
    const { changes } = await this.#nodes.call(this.#number, 0, body, waitMs + QUORUM_PATIENCE_MS);
    if (this.#stopped) return "later";
    if (!changes) throw new QdfsError("BAD_REQUEST", `${nodeName(this.#number)} answered with something else than changes`);
    this.#checkDisk(node, changes.diskId);
    this.#noteGeneration(changes.generation);
    if (this.#stopped) return "later";
    if (changes.current < after) {
      this.#rolledBack(node, changes.current, after);
      return "now";
    }
    this.#catalogue.take(this.#number, changes);
    this.#inTouch = true;
    this.#untaken = "";
    return changes.through < changes.current ? "now" : "new";
  }

  #noteGeneration(generation: number): void {
    this.#heard(generation);
    const newer = generation > this.#nodes.map().generation;
    this.#elsewhere = newer
      ? `it follows generation ${generation} of another SuperNode, and no map of this one any more: complete that one's recovery`
      : "";
  }

  /** I2: a disk that is not the member's is another node, and says nothing about this one. */
  #checkDisk(node: Node, diskId: string): void {
    if (diskId === node.diskId) return;
    throw new QdfsError("NODE_UNREACHABLE", `at ${node.grpc} is not ${nodeName(node.number)} but a node with another disk`);
  }

  /** Sequences never repeat (P19), so the disk lost what it had acknowledged. Its log is read again, and people are told. */
  #rolledBack(node: Node, current: number, after: number): void {
    this.#rollback = `the change log ends at ${current} but was read up to ${after} before: was its disk restored from a copy?`;
    this.#runtime.log.warn(`${nodeName(node.number)}: ${this.#rollback}`);
    this.#catalogue.log(node.diskId).restart();
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const code = codeOf(error);
    if (code === "STORAGE_FULL" || code === "DATA_DIR_UNUSABLE")
      this.#untaken = `its changes cannot be listed: ${messageOf(error)}`;
    if (this.#inTouch) {
      this.#runtime.log.info(`the change log of ${nodeName(this.#number)} cannot be followed`, { error: messageOf(error) });
    }
    this.#inTouch = false;
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    let cancel: Cancel = () => undefined;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      cancel = this.#runtime.timers.after(ms, resolve);
    });
    cancel();
    this.#endPause = undefined;
  }
}
