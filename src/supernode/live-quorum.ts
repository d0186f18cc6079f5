/**
 * Changes the quorum of a running cluster. All that is stored is the policy of the map: what every partition is to have. The rebalancer brings each of them there through a
 * joint configuration (P10, P16), whoever dies meanwhile; a SuperNode that begins anew sees in the map what is still to be done. A second change while one is under way
 * replaces what it is for: partitions that are joint for the first are taken back or brought to its end, and go on to the second.
 *
 * An operator's word stands until another is given: what cannot begin yet (a replica is down) waits, and the status says for what. What the cluster decided by itself is
 * taken back when a replica that it needs goes away meanwhile, or when nothing of it has moved for QUORUM_CHANGE_PATIENCE_MS.
 */
import { QdfsError } from "../base/errors.ts";
import { mustCarry } from "../cluster/carrying.ts";
import { joiningIn, movesOf } from "../cluster/moves.ts";
import { isInForce } from "../cluster/quorum-in-force.ts";
import { ADAPTIVE, checkedQuorum, formatQuorum, type QuorumSpec } from "../cluster/quorum-spec.ts";
import { distinctSets } from "../cluster/replica-sets.ts";
import { placeable } from "../cluster/standing.ts";
import { QUORUM_CHANGE_PATIENCE_MS, REBALANCE_LOOK_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import type { CatalogueTotals, QuorumChangeEnd, QuorumChanger } from "../supernode-ports.ts";
import type { Rebalance, SetQuorumReply, SetQuorumRequest } from "../wire/change-messages.ts";
import { type ClusterMap, NodeState, type Policy } from "../wire/messages.ts";
import type { Membership } from "./membership.ts";
import { expectedMs, type Rates } from "./move-rates.ts";

export interface LiveQuorumParts {
  readonly runtime: Runtime;
  readonly membership: Pick<Membership, "map" | "setQuorum">;
  /** By partition, what it holds. */
  readonly totals: () => ReadonlyMap<number, CatalogueTotals>;
  readonly rates: () => Rates;
  /** How far the rebalancer is. */
  readonly progress: () => Rebalance | null;
}

export class LiveQuorum implements QuorumChanger {
  readonly #parts: LiveQuorumParts;
  #stopped = false;

  constructor(parts: LiveQuorumParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
  }

  /**
   * An operator's word: durable when it returns, or, if `dryRun`, only looked at.
   * @throws QdfsError BAD_QUORUM: it does not intersect; CLUSTER_WAITING: there are fewer DataNodes than n; STORAGE_FULL
   */
  set(request: SetQuorumRequest): SetQuorumReply {
    const { membership } = this.#parts;
    const { map } = membership;
    const before = map.policy;
    const asked = checkedQuorum({ n: request.n, w: request.w, r: request.r, name: request.name || "custom" });
    const goesOn = asked.name === ADAPTIVE && before.name === ADAPTIVE && asked.n === before.n;
    const quorum = goesOn ? { ...asked, w: before.w, r: before.r } : asked;
    requireNodes(map, quorum.n);
    const plan = planOf({ ...map, policy: { ...before, ...quorum } }, this.#parts.totals(), this.#parts.rates());
    if (!request.dryRun && !isSame(quorum, before)) membership.setQuorum(quorum);
    return { before, after: request.dryRun ? { ...before, ...quorum } : membership.map.policy, ...plan };
  }

  /** The cluster's own decision. What it was is what it is again if that fails. */
  async change({ w, r }: { readonly w: number; readonly r: number }): Promise<QuorumChangeEnd> {
    const { membership, runtime } = this.#parts;
    const before = quorumBefore(membership.map);
    const to = { ...before, w, r };
    if (!isSame(to, membership.map.policy)) membership.setQuorum(to);
    let step = "";
    let movedMs = runtime.clock.monotonicMs();
    while (!isInForce(membership.map)) {
      await new Promise<void>((resolve) => runtime.timers.after(REBALANCE_LOOK_MS, resolve));
      if (this.#stopped) return { kind: "failed", why: "the SuperNode stops" };
      if (!isSame(to, membership.map.policy)) return { kind: "failed", why: "another quorum was asked for meanwhile" };
      const now = stepOf(this.#parts.progress());
      if (now !== step) movedMs = runtime.clock.monotonicMs();
      step = now;
      const stands = runtime.clock.monotonicMs() - movedMs >= QUORUM_CHANGE_PATIENCE_MS;
      const servable = isServable(membership.map, to);
      // Where what it was cannot be served either there is nothing to go back to: it goes on when it can.
      if ((servable && !stands) || !isServable(membership.map, before)) continue;
      const why = servable ? "nothing of it could be done for a while" : "too few replicas are up for it";
      membership.setQuorum(before);
      return { kind: "failed", why: `${why}: ${formatQuorum(before)} is to stand again` };
    }
    return { kind: "done" };
  }
}

function isSame(a: QuorumSpec, b: QuorumSpec): boolean {
  return a.n === b.n && a.w === b.w && a.r === b.r && a.name === b.name;
}

/** The quorum that a change goes away from: the policy's, or, while its change is under way, the one that partitions have which differ from it. */
function quorumBefore({ policy, partitions }: ClusterMap): QuorumSpec {
  const { n, w, r, name } = policy;
  const sets = partitions.flatMap((configuration) => configuration.sets).filter(({ nodes }) => nodes.length === n);
  const other = sets.find((set) => set.w !== w || set.r !== r);
  return other === undefined ? { n, w, r, name } : { n, w: other.w, r: other.r, name };
}

/** @throws QdfsError CLUSTER_WAITING with the arithmetic. Before the partitions are assigned the cluster waits for as many as it needs anyway. */
function requireNodes(map: ClusterMap, n: number): void {
  const nodes = placeable(map).length;
  if (map.partitions.length === 0 || nodes >= n) return;
  const more = n - nodes;
  throw new QdfsError(
    "CLUSTER_WAITING",
    `n = ${n} replicas need ${n} DataNodes, and the cluster has ${nodes}: ${more} more must join first; nothing was changed`,
    { need: n, got: nodes },
  );
}

/** What it takes to give every partition the policy's quorum. */
function planOf(
  map: ClusterMap,
  totals: ReadonlyMap<number, CatalogueTotals>,
  rates: Rates,
): Omit<SetQuorumReply, "before" | "after"> {
  let [partitions, placements, files, sizeBytes] = [0, 0, 0, 0];
  // What is joint will be alone by then: with which of its two sets is not known yet, and matters little here.
  const alone = { ...map, partitions: map.partitions.map(({ number, sets }) => ({ number, sets: sets.slice(-1) })) };
  for (const { partition, to } of movesOf(alone)) {
    const [from] = alone.partitions[partition]?.sets ?? [];
    if (from === undefined) continue;
    const joining = joiningIn({ number: 0, sets: [from, to] }).length;
    const held = totals.get(partition);
    partitions += 1;
    placements += joining;
    sizeBytes += joining * (held?.sizeBytes ?? 0);
    if (mustCarry(from, to)) files += held?.files ?? 0;
  }
  return { partitions, placements, files, sizeBytes, aboutMs: expectedMs({ partitions, files, sizeBytes }, rates) };
}

/** Changes whenever something has moved. */
function stepOf(progress: Rebalance | null): string {
  if (progress === null) return "";
  const { moving, waiting, moved, files, chunks } = progress;
  return [moving, waiting, moved, files, chunks].join();
}

/** In every replica set so many are up as the quorum needs. */
function isServable(map: ClusterMap, { w, r }: Pick<Policy, "w" | "r">): boolean {
  const away = new Set(map.nodes.filter(({ state }) => state === NodeState.DOWN).map(({ number }) => number));
  return distinctSets(map).every(({ nodes }) => nodes.filter((node) => !away.has(node)).length >= Math.max(w, r));
}
