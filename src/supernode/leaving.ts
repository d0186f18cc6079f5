/**
 * DataNodes that leave: drained, removed, declared dead (P18), or away for so long that others take their place. What an operator decided stands in
 * the map, as the node's standing, before it is answered; the moving is the rebalancer's. So nothing here has to survive but the map.
 */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { leavePlan, partitionsOf, type Transfer } from "../cluster/leave.ts";
import { placeable, standingOf } from "../cluster/standing.ts";
import { LEAVING_LOOK_MS, REPLACE_AFTER_MS } from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import type { CatalogueTotals } from "../supernode-ports.ts";
import { type LeaveReply, type LeaveRequest, LeaveStep } from "../wire/leave-messages.ts";
import { type ClusterMap, NodeState, Standing } from "../wire/messages.ts";
import { expectedMs, type Rates } from "./move-rates.ts";

export interface LeavingParts {
  readonly runtime: Runtime;
  readonly members: {
    readonly map: ClusterMap;
    vitals(number: NodeNumber): { readonly heardMs: number } | undefined;
    regard(numbers: readonly NodeNumber[], standing: Standing): void;
    dismiss(number: NodeNumber): void;
  };
  readonly totals: () => ReadonlyMap<number, CatalogueTotals>;
  readonly rates: () => Rates;
  /** Who was not heard for so long is replaced; null: nobody is. */
  readonly replaceAfterMs?: number | null | undefined;
}

export class Leaving {
  readonly #parts: LeavingParts;
  #cancel: Cancel = () => undefined;

  constructor(parts: LeavingParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancel = this.#parts.runtime.timers.after(LEAVING_LOOK_MS, () => {
      this.start();
      try {
        this.#look();
      } catch (error) {
        if (!(error instanceof QdfsError)) throw error;
        this.#parts.runtime.log.warn("a change of the map cannot be stored; it is tried again", { error: error.message });
      }
    });
  }

  stop(): void {
    this.#cancel();
  }

  /**
   * One step, durable before it is answered; asked again it says how far it is.
   * @throws QdfsError NOT_FOUND, WRONG_STATE, CLUSTER_WAITING as leavePlan; WRONG_STATE (writes may be lost, which was not accepted);
   *   STORAGE_FULL, DATA_DIR_UNUSABLE
   */
  leave({ node, step, dryRun, acceptLoss }: LeaveRequest): LeaveReply {
    const { members } = this.#parts;
    const plan = leavePlan(members.map, node, step);
    const reply = this.#reply(plan.transfers, plan.losing, plan.remaining);
    if (dryRun) return reply;
    const known = members.map.nodes.find(({ number }) => number === node);
    if (plan.standing === undefined) members.dismiss(node);
    else if (known !== undefined && standingOf(known) !== plan.standing) {
      if (step === LeaveStep.REMOVE_DEAD && plan.losing.length > 0 && !acceptLoss)
        throw new QdfsError("WRONG_STATE", lossWords(members.map, node, plan.losing.length), { losing: plan.losing.length });
      members.regard([node], plan.standing);
      this.#dismissEmpty();
    }
    return reply;
  }

  #reply(transfers: readonly Transfer[], losing: readonly number[], remaining: readonly NodeNumber[]): LeaveReply {
    const totals = this.#parts.totals();
    let files = 0;
    let copiedFiles = 0;
    let sizeBytes = 0;
    for (const { partition, copies } of transfers) {
      const here = totals.get(partition);
      files += here?.files ?? 0;
      copiedFiles += copies * (here?.files ?? 0);
      sizeBytes += copies * (here?.sizeBytes ?? 0);
    }
    const work = { partitions: transfers.length, files: copiedFiles, sizeBytes };
    return {
      partitions: transfers.length,
      files,
      sizeBytes,
      expectedMs: expectedMs(work, this.#parts.rates()),
      losing: losing.length,
      remaining,
    };
  }

  #look(): void {
    this.#dismissEmpty();
    this.#replaceLost();
  }

  /** Of the dead nothing is left to do once no partition names them. */
  #dismissEmpty(): void {
    const { members } = this.#parts;
    for (const node of members.map.nodes) {
      if (standingOf(node) === Standing.DEAD && partitionsOf(members.map, node.number).length === 0) members.dismiss(node.number);
    }
  }

  /** As many as leave n nodes that are up to take their place, those first that are away longest. */
  #replaceLost(): void {
    const { members, runtime, replaceAfterMs = REPLACE_AFTER_MS } = this.#parts;
    const { map } = members;
    if (replaceAfterMs === null || map.partitions.length === 0) return;
    const up = placeable(map).filter(({ state, held }) => state === NodeState.UP && !held).length;
    if (up < map.policy.n) return;
    const nowMs = runtime.clock.monotonicMs();
    const lost = placeable(map).filter(
      ({ number, state }) => state === NodeState.DOWN && nowMs - (members.vitals(number)?.heardMs ?? nowMs) >= replaceAfterMs,
    );
    if (lost.length === 0) return;
    runtime.log.warn(`${lost.map(({ number }) => nodeName(number)).join(", ")}: away for long; others take over its partitions`);
    members.regard(
      lost.map(({ number }) => number),
      Standing.REPLACED,
    );
  }
}

function lossWords(map: ClusterMap, node: NodeNumber, losing: number): string {
  const { n, w, r } = map.policy;
  const what = w <= n - r + 1 ? `with w=${w} a write may have been acknowledged` : `with r=${r} a write may have been read`;
  const others = Math.min(w, n - r + 1) > 1 ? " and other dead nodes" : "";
  return `${what} when it stood on ${nodeName(node)} alone${others}: what was written to ${losing} of ${map.partitions.length} partitions and had not reached the other replicas would be lost. --accept-loss goes on`;
}
