/**
 * Tells DataNodes what a reader met: a file that is missing, older or damaged there. They look for themselves and mend it (read
 * repair in the background; what the read's guarantee needs is settled and awaited by the read itself). Best effort, never
 * waited for, and damped: under load a replica that is a moment behind is met all the time.
 */
import type { NodeNumber, Path } from "../base/ids.ts";
import { PROBE_MS, SUSPICIONS_PER_SEC } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import type { Peers } from "./peers.ts";

/** The same suspicion is not repeated for this long. */
const REPEAT_MS = 2_000;
const REMEMBERED_MAX = 1_000;

export class Suspicions {
  readonly #runtime: Runtime;
  readonly #peers: Peers;
  readonly #told = new Map<string, number>();
  #windowMs = 0;
  #inWindow = 0;

  constructor(runtime: Runtime, peers: Peers) {
    this.#runtime = runtime;
    this.#peers = peers;
  }

  /** The node's copy of the file was missing or damaged. */
  bad(node: NodeNumber, path: Path): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    const key = `${node} ${path}`;
    if (nowMs - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    if (this.#told.size >= REMEMBERED_MAX) this.#told.clear();
    this.#told.set(key, nowMs);
    this.#runtime.log.debug("a missing, older or damaged copy", { node, path });
    this.#peers
      .session(node)
      .call(0, { suspect: { path } }, PROBE_MS)
      .catch(() => {});
  }

  /** The nodes answered with an older value than others, or none. */
  behind(nodes: readonly NodeNumber[], path: Path): void {
    if (nodes.length === 0) return;
    const nowMs = this.#runtime.clock.monotonicMs();
    if (nowMs - this.#windowMs >= 1_000) {
      this.#windowMs = nowMs;
      this.#inWindow = 0;
    }
    for (const node of nodes) {
      if (this.#inWindow >= SUSPICIONS_PER_SEC) return;
      this.#inWindow += 1;
      this.bad(node, path);
    }
  }
}
