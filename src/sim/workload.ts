/** The clients of a run: each does its planned operations one after the other; one that dies is followed by another process. */
import type { Client } from "../client/client.ts";
import type { ClientHost, SimCluster } from "./cluster.ts";
import type { Faults } from "./faults.ts";
import type { Life } from "./life.ts";
import { type OperationContext, type Running, start } from "./operations.ts";
import type { Plan, PlannedOperation } from "./plan.ts";
import type { Recorder } from "./recorder.ts";
import type { Trace } from "./trace.ts";
import type { Violations } from "./violation.ts";

/** A process that died, or did not find the cluster, is followed by another after this long. */
const NEXT_PROCESS_MS = 100;

export interface WorkloadParts {
  readonly cluster: SimCluster;
  readonly plan: Plan;
  readonly faults: Faults;
  readonly recorder: Recorder;
  readonly violations: Violations;
  readonly trace: Trace;
}

export class Workload {
  readonly #parts: WorkloadParts;
  readonly #waiting = new Set<number>();

  constructor(parts: WorkloadParts) {
    this.#parts = parts;
  }

  /** Every operation has ended, or its client has died. */
  get done(): boolean {
    return this.#waiting.size === 0;
  }

  /** Operations not ended yet, by index. */
  get waiting(): readonly number[] {
    return [...this.#waiting];
  }

  begin(): void {
    const { plan } = this.#parts;
    const clients = new Map<number, PlannedOperation[]>();
    for (const operation of plan.operations) {
      this.#waiting.add(operation.index);
      clients.set(operation.client, [...(clients.get(operation.client) ?? []), operation]);
    }
    for (const [number, operations] of clients) this.#process(number, operations, 1);
  }

  /** One process of client `number`, which is to do the operations that are left. */
  #process(number: number, left: PlannedOperation[], life: number): void {
    const { cluster, faults, trace } = this.#parts;
    const { runtime } = cluster;
    let running: { readonly operation: PlannedOperation; readonly started: Running } | undefined;
    const another = (): void =>
      void runtime.timers.after(NEXT_PROCESS_MS, () => {
        if (left.length > 0) this.#process(number, left, life + 1);
      });
    const host: ClientHost = cluster.startClient(`client-${number}${life === 1 ? "" : `-${life}`}`, (client) => {
      if (client === undefined) cluster.kill(host, "kill");
      else next(client, this.#context(client, host.life));
    });
    faults.joined(host);
    host.life?.onDeath(() => {
      if (running !== undefined) this.#abandoned(running.operation, running.started);
      another();
    });
    const next = (client: Client, context: OperationContext): void => {
      const operation = left[0];
      if (operation === undefined) return;
      host.life?.timers.after(operation.pauseMs, () => {
        left.shift();
        const started = start(operation, context);
        if (host.life === undefined) {
          this.#abandoned(operation, started); // it was the last thing that it did
          return;
        }
        running = { operation, started };
        const { kind, path, index } = operation;
        trace.event(
          `${host.name} calls ${index}: ${kind} ${path}${started.call?.precondition ? ` if ${JSON.stringify(started.call.precondition)}` : ""}`,
        );
        void started.ended.then((words) => {
          if (running?.operation !== operation) return;
          running = undefined;
          trace.event(`${host.name} ended ${index}: ${words}`);
          this.#waiting.delete(index);
          next(client, context);
        });
      });
    };
  }

  #context(client: Client, life: Life | undefined): OperationContext {
    const { recorder, violations, plan } = this.#parts;
    return { client, recorder, violations, n: plan.shape.n, known: new Map(), over: () => life?.over ?? true };
  }

  /** Its client died: whether it was done is not known. */
  #abandoned({ index }: PlannedOperation, { call }: Running): void {
    this.#waiting.delete(index);
    if (call !== undefined && call.kind !== "get") this.#parts.recorder.operation(call, { outcome: "unknown", version: null });
  }
}
