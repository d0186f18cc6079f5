/**
 * One operation at its coordinator: how long it may go on, and what may truly be said when it ends. A definite failure is
 * given only while no accept that carries the operation may have been taken by a replica; afterwards it is OUTCOME_UNKNOWN.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { CONFLICT_BACKOFF_BASE_MS, CONFLICT_BACKOFF_MAX_MS, QUORUM_PATIENCE_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";

export class Attempt {
  readonly path: Path;
  readonly #runtime: Runtime;
  readonly #deadlineMs: number;
  /** Too few replicas have answered since then. */
  #unavailableSinceMs: number | undefined;
  #tries = 0;
  /** An accept that carries the operation is out: it may take effect at any time. */
  proposed = false;

  constructor(runtime: Runtime, path: Path, budgetMs: number) {
    this.#runtime = runtime;
    this.path = path;
    this.#deadlineMs = runtime.clock.monotonicMs() + budgetMs;
  }

  /** Enough replicas answer, if only with a higher ballot: patience begins anew. */
  available(): void {
    this.#unavailableSinceMs = undefined;
  }

  /** @throws QdfsError CONFLICT or DEADLINE, or OUTCOME_UNKNOWN, when the time is over */
  checkDeadline(): void {
    if (this.#runtime.clock.monotonicMs() < this.#deadlineMs) return;
    const code = this.#tries > 0 ? "CONFLICT" : "DEADLINE";
    throw this.truly(new QdfsError(code, `${this.path}: its time ran out after ${this.#tries} tries; nothing was done`));
  }

  /** Bears unavailability for QUORUM_PATIENCE_MS: waits a little, or throws what may truly be said of `error`. */
  async bear(error: unknown): Promise<void> {
    const now = this.#runtime.clock.monotonicMs();
    this.#unavailableSinceMs ??= now;
    if (now - this.#unavailableSinceMs >= QUORUM_PATIENCE_MS) throw this.truly(error);
    await this.backOff();
  }

  /** Full jitter, so that duelling proposers part. The first time is free: it only cost the newer counter. */
  async backOff(): Promise<void> {
    this.#tries += 1;
    if (this.#tries === 1) return;
    const mostMs = Math.min(CONFLICT_BACKOFF_MAX_MS, CONFLICT_BACKOFF_BASE_MS * 2 ** this.#tries);
    await new Promise<void>((resolve) => this.#runtime.timers.after(this.#runtime.random.unit() * mostMs, resolve));
  }

  /** The error itself while nothing was proposed (and for bugs), OUTCOME_UNKNOWN afterwards. */
  truly(error: unknown): unknown {
    const code = codeOf(error);
    if (!this.proposed || code === undefined || code === "OUTCOME_UNKNOWN") return error;
    return new QdfsError("OUTCOME_UNKNOWN", `the operation on ${this.path} may or may not have been done: ${messageOf(error)}`);
  }
}
