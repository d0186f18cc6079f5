/** One operation of one logical client: done, timed, counted, and shown to the observer when there is one. */
import { codeOf, type ErrorCode, isDefinite } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { Runtime } from "../ports.ts";
import { drawerOf } from "./keys.ts";
import type { Meter } from "./meter.ts";
import { drawKind, type Kind } from "./mix.ts";
import type { Observer, Operation } from "./observer.ts";
import type { BenchPlan } from "./plan.ts";
import type { Share } from "./share.ts";
import type { BenchTarget } from "./target.ts";
import type { Values } from "./values.ts";

/** Where a run keeps its files: a directory of its own, so that runs never meet. Normalised as it stands. */
export function pathOf(directory: string, index: number): Path {
  return `${directory}/f${String(index).padStart(7, "0")}`;
}

export interface OperationsOptions {
  readonly target: BenchTarget;
  readonly plan: Pick<BenchPlan, "mix" | "files" | "keys">;
  readonly runtime: Runtime;
  readonly directory: string;
  readonly nodes: readonly string[];
  readonly values: Values;
  readonly share: Share;
  /** The moment that an observer's times count from, on this process's clock. */
  readonly originMs: number;
  readonly observer?: Observer;
}

export class Operations {
  readonly #target: BenchTarget;
  readonly #mix: BenchPlan["mix"];
  readonly #runtime: Runtime;
  readonly #directory: string;
  readonly #nodes: readonly string[];
  readonly #observer: Observer | undefined;
  readonly #values: Values;
  readonly #originMs: number;
  readonly #drawKey: () => number;
  #listings = 0;
  /** Latest counts of files by node; "" for all. */
  readonly found = new Map<string, number>();

  constructor({ target, plan, runtime, directory, nodes, values, share, originMs, observer }: OperationsOptions) {
    this.#target = target;
    this.#mix = plan.mix;
    this.#runtime = runtime;
    this.#directory = directory;
    this.#nodes = nodes;
    this.#observer = observer;
    this.#values = values;
    this.#originMs = originMs;
    this.#drawKey = drawerOf(plan.keys, plan.files, runtime.random, share);
  }

  /**
   * An operation drawn from the mix. `sinceMs` is when it was meant to start: what its latency counts from. Without a meter it is
   * observed and not counted. Resolves with false when it failed; rejects on bugs alone.
   */
  draw(client: number, sinceMs: number, meter: Meter | undefined): Promise<boolean> {
    const kind = drawKind(this.#mix, this.#runtime.random);
    if (kind === "ls") return this.#list(client, sinceMs, meter);
    const path = pathOf(this.#directory, this.#drawKey());
    return kind === "put" ? this.#put(client, path, sinceMs, meter) : this.#get(client, path, sinceMs, meter);
  }

  /**
   * Writes a file of the preload: observed, not counted.
   * @throws what the target threw
   */
  async preload(client: number, path: Path): Promise<void> {
    const bytes = this.#values.next();
    const callMs = this.#runtime.clock.monotonicMs();
    const { version, node } = await this.#target.put(path, bytes);
    const valueId = this.#idOf(bytes);
    this.#observe(client, "put", callMs, this.#runtime.clock.monotonicMs(), { path, node, version, valueId });
  }

  async #put(client: number, path: Path, sinceMs: number, meter: Meter | undefined): Promise<boolean> {
    const bytes = this.#values.next();
    const valueId = this.#idOf(bytes);
    const callMs = this.#runtime.clock.monotonicMs();
    try {
      const { version, node } = await this.#target.put(path, bytes);
      const returnMs = this.#runtime.clock.monotonicMs();
      meter?.put(returnMs, returnMs - sinceMs, node, bytes.byteLength);
      this.#observe(client, "put", callMs, returnMs, { path, node, version, valueId });
      return true;
    } catch (error) {
      return this.#failed(client, "put", callMs, meter, error, { path, valueId });
    }
  }

  async #get(client: number, path: Path, sinceMs: number, meter: Meter | undefined): Promise<boolean> {
    const callMs = this.#runtime.clock.monotonicMs();
    try {
      const { version, node, bytes } = await this.#target.get(path);
      const returnMs = this.#runtime.clock.monotonicMs();
      meter?.get(returnMs, returnMs - sinceMs, node, bytes.byteLength);
      const valueId = this.#idOf(bytes);
      this.#observe(client, "get", callMs, returnMs, { path, node, version, valueId });
      return true;
    } catch (error) {
      return this.#failed(client, "get", callMs, meter, error, { path });
    }
  }

  /** All files, then each node's, in turn. */
  async #list(client: number, sinceMs: number, meter: Meter | undefined): Promise<boolean> {
    const turn = this.#listings++ % (this.#nodes.length + 1);
    const node = turn === 0 ? null : (this.#nodes[turn - 1] ?? null);
    const callMs = this.#runtime.clock.monotonicMs();
    try {
      let files = 0;
      const entries: { path: Path; version: number }[] = [];
      const wanted = node === null && this.#observer?.listing !== undefined;
      const complete = await this.#target.list(node, (path, version) => {
        files++;
        if (wanted && path.startsWith(this.#directory)) entries.push({ path, version });
      });
      const returnMs = this.#runtime.clock.monotonicMs();
      meter?.ls(returnMs, returnMs - sinceMs);
      const [callNs, returnNs] = [this.#sinceOriginNs(callMs), this.#sinceOriginNs(returnMs)];
      if (wanted) this.#observer?.listing?.({ client, kind: "ls", path: this.#directory, callNs, returnNs, entries, complete });
      this.found.set(node ?? "", files);
      this.#observe(client, "ls", callMs, returnMs, { node, files });
      return true;
    } catch (error) {
      return this.#failed(client, "ls", callMs, meter, error, { node });
    }
  }

  #failed(client: number, kind: Kind, callMs: number, meter: Meter | undefined, error: unknown, what: Partial<Operation>): false {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const returnMs = this.#runtime.clock.monotonicMs();
    meter?.error(returnMs, kind, code);
    this.#observe(client, kind, callMs, returnMs, { ...what, outcome: outcomeOf(kind, code), code });
    return false;
  }

  #observe(client: number, kind: Kind, callMs: number, returnMs: number, what: Partial<Operation>): void {
    this.#observer?.operation({
      client,
      kind,
      path: null,
      node: null,
      version: null,
      valueId: null,
      callNs: this.#sinceOriginNs(callMs),
      returnNs: this.#sinceOriginNs(returnMs),
      outcome: "ok",
      code: null,
      files: null,
      ...what,
    });
  }

  /** Looks at every byte, so only where somebody is told. */
  #idOf(bytes: Uint8Array): string | null {
    return this.#observer === undefined ? null : this.#values.idOf(bytes);
  }

  #sinceOriginNs(ms: number): number {
    return Math.round((ms - this.#originMs) * 1e6);
  }
}

/** What a checker may conclude from a failure: a get that found nothing has read "absent"; other gets and listings left no trace. */
function outcomeOf(kind: Kind, code: ErrorCode): Operation["outcome"] {
  if (kind !== "put") return kind === "get" && code === "NOT_FOUND" ? "ok" : "fail";
  return isDefinite(code) ? "fail" : "unknown";
}
