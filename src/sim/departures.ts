/** DataNodes that leave in a run: drained, removed, given up for dead, away for so long that they are replaced. */
import { codeOf } from "../base/errors.ts";
import { nodeName } from "../base/ids.ts";
import { placeable, standingOf } from "../cluster/standing.ts";
import { LeaveStep } from "../wire/leave-messages.ts";
import { Standing } from "../wire/messages.ts";
import type { DataHost, SimCluster } from "./cluster.ts";
import type { Trace } from "./trace.ts";

/** An operator asks again this much later. */
const ASK_AGAIN_MS = 60;
/** Changes begin REBALANCE_SETTLE_MS (cluster.ts) after a drain, and take some 100 ms. */
const SOON_MS = 80;
/** What never comes about is given up after so long: the SuperNode may have been away all the time. */
const GIVE_UP_MS = 60_000;

export class Departures {
  readonly #cluster: SimCluster;
  readonly #trace: Trace;
  /** Of these nodes an operator vouches; their disks are gone. */
  readonly dead = new Set<number>();
  /** Nodes that are to be empty: a drain was acknowledged, and not cancelled since. */
  readonly #drained = new Set<number>();
  /** Nodes that were told to leave. */
  count = 0;
  #over = false;

  constructor(cluster: SimCluster, trace: Trace) {
    this.#cluster = cluster;
    this.#trace = trace;
  }

  end(): void {
    this.#over = true;
  }

  /** What an operator was told is so, and is not, in words. */
  forgotten(): string | undefined {
    for (const number of this.#drained) {
      const node = this.#cluster.map.nodes.find((member) => member.number === number);
      if (node !== undefined && standingOf(node) !== Standing.DRAINING) return `${nodeName(number)} is not drained any more`;
    }
    return undefined;
  }

  /** An operator drains a node, and, after a while, cancels it, removes the node when it is empty, or leaves it as it is. */
  drain(host: DataHost, forMs: number, choice: number): void {
    const { number } = host.disk;
    if (number === 0) return;
    this.count += 1;
    this.#ask(number, LeaveStep.DRAIN, (code) => {
      if (code !== undefined) return;
      const after = choice < 0.35 ? LeaveStep.CANCEL : choice < 0.7 ? LeaveStep.REMOVE : undefined;
      if (after === undefined) return;
      // Half of those that think better of it do so while partitions are on their way.
      const soon = after === LeaveStep.CANCEL && choice < 0.2;
      this.#later(soon ? SOON_MS * (0.5 + choice * 10) : forMs, () =>
        this.#ask(number, after, (refused) => {
          if (refused === undefined && after === LeaveStep.REMOVE) this.#cluster.bury(host);
        }),
      );
    });
  }

  /** A disk is lost for ever; its operator says so, sooner or later, and again until it is heard. True: it was done. */
  die(host: DataHost, sayAfterMs: number): boolean {
    const { number } = host.disk;
    const { map } = this.#cluster;
    const living = placeable(map).filter((node) => !this.dead.has(node.number) && node.number !== number);
    if (!map.nodes.some((node) => node.number === number) || living.length < map.policy.n) return false;
    this.dead.add(number);
    this.count += 1;
    this.#stops(host);
    this.#cluster.bury(host);
    this.#later(sayAfterMs, () => this.#declare(number));
    return true;
  }

  /** A node is shut down, for longer than others wait before they take its place. */
  leave(host: DataHost): void {
    this.count += 1;
    this.#stops(host);
    this.#cluster.kill(host, "kill");
  }

  /**
   * What keeps it from being replaced is done away with. Drains are cancelled. Who asked for more copies, while a node of those that were to hold them was dead
   * and not yet given up, has too few nodes for ever, and can write nothing where W is N: the refusal says that another DataNode is needed.
   */
  #declare(number: number): void {
    this.#ask(number, LeaveStep.REMOVE_DEAD, (code) => {
      if (code !== "CLUSTER_WAITING") return;
      const { map, dataHosts } = this.#cluster;
      for (const node of map.nodes) {
        if (standingOf(node) === Standing.DRAINING) this.#ask(node.number, LeaveStep.CANCEL, () => {});
      }
      if (dataHosts.length < map.policy.n) this.#cluster.startDataNode(this.#cluster.addDataHost());
      this.#later(ASK_AGAIN_MS, () => this.#declare(number));
    });
  }

  /** It says that it stops: so it counts as down at once, if that arrives. */
  #stops({ disk: { number } }: DataHost): void {
    const { superHost, map } = this.#cluster;
    const load = { number, opsPerSec: 0, inFlight: 0 };
    const sizes = { usedBytes: 0, capacityBytes: 0, freeBytes: 1e9, catchingUp: 0, reads: 0, writes: 0 };
    const said = {
      clusterId: map.clusterId,
      load,
      mapVersion: 0,
      mapGeneration: 0,
      badCopiesFound: 0,
      badCopiesMended: 0,
      alarms: [],
      version: "",
      peers: [],
      leaving: true,
      ...sizes,
    };
    superHost.control?.heartbeat(said).catch((error) => {
      if (codeOf(error) === undefined) throw error;
    });
  }

  /** `done`: undefined, or the code of the refusal that stands. */
  #ask(number: number, step: LeaveStep, done: (code: string | undefined) => void, sinceMs = this.#nowMs()): void {
    const again = (): void => {
      const tired = this.#nowMs() - sinceMs > GIVE_UP_MS || (this.#over && step === LeaveStep.DRAIN);
      if (!tired) this.#later(ASK_AGAIN_MS, () => this.#ask(number, step, done, sinceMs));
    };
    const { superNode } = this.#cluster.superHost;
    if (superNode === undefined) {
      again();
      return;
    }
    superNode.leave({ node: number, step, dryRun: false, acceptLoss: false }).then(
      () => {
        this.#trace.event(`${nodeName(number)} leaves, step ${step}`);
        if (step === LeaveStep.DRAIN) this.#drained.add(number);
        else this.#drained.delete(number);
        done(undefined);
      },
      (error) => {
        const code = codeOf(error);
        if (code === undefined) throw error;
        const waits = step === LeaveStep.REMOVE || step === LeaveStep.REMOVE_DEAD;
        if (code === "WRONG_STATE" && waits) again();
        else done(code);
      },
    );
  }

  #nowMs(): number {
    return this.#cluster.runtime.clock.monotonicMs();
  }

  #later(ms: number, run: () => void): void {
    this.#cluster.runtime.timers.after(ms, run);
  }
}
