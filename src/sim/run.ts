/**
 * One run: a cluster, its clients and its faults, from the seed's plan to a verdict. Synchronous and without any chance but the
 * seed's: the same plan gives the same run, to the byte.
 */

import { messageOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { RecordedOperation } from "../check/history.ts";
import { judge } from "../check/judge.ts";
import type { Client } from "../client/client.ts";
import { FLAP_HOLD_MS_MAX, LEFT_PARTITION_MS } from "../limits.ts";
import { FakeRuntime } from "../runtime/fake-runtime.ts";
import { SimCluster } from "./cluster.ts";
import { Faults } from "./faults.ts";
import { disagreement, leftovers, listingDifference, notWhole, unfinished } from "./invariants/convergence.ts";
import { DetectionInvariants, unsteady } from "./invariants/detection.ts";
import { uncollected } from "./invariants/garbage.ts";
import { MapInvariants } from "./invariants/maps.ts";
import { type DiskView, RegisterInvariants } from "./invariants/registers.ts";
import { waitsForReplicas } from "./invariants/waiting.ts";
import { listAll, type OperationContext, start } from "./operations.ts";
import { type Plan, type PlannedOperation, stream } from "./plan.ts";
import type { FaultKind } from "./recipes.ts";
import { Recorder } from "./recorder.ts";
import { Trace } from "./trace.ts";
import { type Violation, Violations } from "./violation.ts";
import { answerWords, commitWords } from "./words.ts";
import { Workload } from "./workload.ts";

export interface RunResult {
  readonly digest: string;
  readonly violations: readonly Violation[];
  /** Operations that the linearizability checker judged. */
  readonly operationsChecked: number;
  /** By kind, how many faults were carried out. */
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly virtualMs: number;
  readonly steps: number;
  /** Empty unless it was to be kept. */
  readonly trace: readonly string[];
}

/** All processes serve and all clients have found the cluster by then, or are left to themselves. */
const START_MS = 50;
/** Faults come and go for so long after the last operation was to begin. */
const WORK_MS_MAX = 8_000;
/** When the faults are over, and there are quorums, every operation ends within its budget and this. */
const ENDING_MS = 15_000;
/**
 * … and all replicas hold the same: an idle node looks for what it missed every 60 s (CATCH_UP_EVERY_MS). The scrub has been through
 * everything by then (SCRUB_PERIOD_MS), and what it found is mended.
 */
const CONVERGENCE_MS = 75_000;
type Look = readonly [what: string, look: (view: DiskView, paths: readonly Path[]) => string | undefined];
const CONVERGED: readonly Look[] = [
  ["a rebalance is not done", unfinished],
  ["the replicas differ", disagreement],
  ["not everything that heads name is there", notWhole],
];
const COLLECTED: Look = ["there is garbage left", uncollected];
const LEFT_BEHIND: Look = ["something was left behind", leftovers];
/** Above what any attempt has: its budget, and the patience of a call. */
const LEFTOVERS_MS = 5_000;
const CONVERGENCE_LOOK_MS = 200;
/** Who left a partition drops it LEFT_PARTITION_MS later, within this. */
const DROPPING_MS = 2_000;
/** Maps that come later, one after the other, and are waited for. */
const LATE_MAPS_MAX = 5;
/** Who is steady is seen to be so within a heartbeat or two. */
const STEADY_SLACK_MS = 2_000;
/** … and a listing is complete: the SuperNode has reached every DataNode again. */
const COMPLETE_LISTING_MS = 10_000;
/** Calls that were lost are given up (CONTROL_CALL_MS) and asked again, twice; then everyone has heard. */
const SUCCESSION_MS = 20_000;
const LAST_READS_MS = 40_000;

export function simulate(plan: Plan, keepTrace = false): RunResult {
  return new Run(plan, keepTrace).run();
}

class Run {
  readonly #plan: Plan;
  readonly #runtime: FakeRuntime;
  readonly #trace: Trace;
  readonly #violations: Violations;
  readonly #cluster: SimCluster;
  readonly #recorder = new Recorder();
  readonly #registers: RegisterInvariants;
  readonly #maps: MapInvariants;
  readonly #faults: Faults;
  readonly #view: DiskView;

  constructor(plan: Plan, keepTrace: boolean) {
    const { seed } = plan.options;
    this.#plan = plan;
    this.#runtime = new FakeRuntime(seed);
    this.#trace = new Trace(keepTrace, () => this.#runtime.clock.monotonicMs());
    this.#runtime.onStep = (atMs) => this.#trace.step(atMs);
    this.#violations = new Violations(({ of, what }) => this.#trace.event(`VIOLATION of ${of}: ${what}`));
    this.#maps = new MapInvariants(this.#violations);
    this.#cluster = new SimCluster(this.#runtime, plan.shape, seed, this.#trace, {
      durable: (disk, writes) => {
        if (keepTrace) this.#say(disk.diskId, commitWords(writes));
        this.#registers.durable(disk, writes);
        this.#maps.durable(disk, writes);
      },
      served: (host, request, answer) => {
        if (keepTrace) this.#say(host.name, answerWords(request, answer));
        this.#registers.served(host.disk, request, answer);
      },
      serves: (disk) => this.#maps.serves(disk),
      issued: (map) => this.#maps.issued(map),
      joined: (host) => this.#faults.joined(host),
      superNodeEnded: () => this.#faults.superNodeEnded(),
      detection: new DetectionInvariants(this.#violations, this.#runtime.clock),
      fatal: (host, error) => this.#violations.found("bug", `${host} ended: ${messageOf(error)}`),
    });
    this.#view = this.#cluster;
    this.#registers = new RegisterInvariants(this.#violations, this.#view, plan.shape.keepVersions);
    this.#faults = new Faults(this.#cluster, plan, this.#trace);
  }

  run(): RunResult {
    try {
      this.#play();
    } catch (error) {
      this.#violations.found("bug", `it threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    const operationsChecked = this.#judge();
    return {
      digest: this.#trace.digest(),
      violations: this.#violations.all,
      operationsChecked,
      faults: this.#faults.counts,
      virtualMs: this.#runtime.clock.monotonicMs(),
      steps: this.#trace.steps,
      trace: this.#trace.lines,
    };
  }

  #say(who: string, words: string | undefined): void {
    if (words !== undefined) this.#trace.say(`${who} ${words}`);
  }

  #play(): void {
    const runtime = this.#runtime;
    const { n, w, r, nodes } = this.#plan.shape;
    this.#trace.event(`n=${n} w=${w} r=${r}, ${nodes} DataNodes, ${this.#plan.clients} clients`);
    this.#cluster.startAll();
    runtime.advance(START_MS);
    const workload = new Workload({
      cluster: this.#cluster,
      plan: this.#plan,
      faults: this.#faults,
      recorder: this.#recorder,
      violations: this.#violations,
      trace: this.#trace,
    });
    workload.begin();
    this.#faults.begin();
    runtime.advanceUntil(() => workload.done, WORK_MS_MAX);
    this.#faults.end();
    if (!this.#ends(workload)) {
      this.#violations.found(
        "liveness",
        `operations ${workload.waiting.join(", ")} have not ended ${ENDING_MS} ms after the last fault`,
      );
      return;
    }
    this.#converge();
  }

  /** Operations end soon, or soon after there are quorums for them again. */
  #ends(workload: Workload): boolean {
    const { clock } = this.#runtime;
    const endMs = clock.monotonicMs() + CONVERGENCE_MS;
    let sinceMs = clock.monotonicMs();
    while (!workload.done && clock.monotonicMs() - sinceMs < ENDING_MS) {
      this.#runtime.advanceUntil(() => workload.done, CONVERGENCE_LOOK_MS);
      if (clock.monotonicMs() < endMs && waitsForReplicas(this.#view)) sinceMs = clock.monotonicMs();
    }
    return workload.done;
  }

  /** Time passes until every replica holds the same; then everything is read once more. */
  #converge(): void {
    const paths = [...new Set(this.#plan.operations.map(({ path }) => path))].sort();
    const runtime = this.#runtime;
    const endMs = runtime.clock.monotonicMs() + CONVERGENCE_MS;
    // Attempts that their clients gave up may still be carried out: what is read and listed at the end is compared, so they end first.
    runtime.advance(LEFTOVERS_MS);
    this.#faults.replaceBrokenOff();
    const told: Look = ["an operator was told what is not so", () => this.#faults.forgotten()];
    const converged: readonly Look[] = [...(this.#plan.shape.garbage === undefined ? [] : [COLLECTED]), ...CONVERGED, told];
    for (const [what, look] of converged) {
      let wrong = look(this.#view, paths);
      while (wrong !== undefined && runtime.clock.monotonicMs() < endMs) {
        runtime.advance(CONVERGENCE_LOOK_MS);
        wrong = look(this.#view, paths);
      }
      if (wrong === undefined) continue;
      this.#violations.found("convergence", `${CONVERGENCE_MS} ms after the last fault ${what}: ${wrong}`);
      return;
    }
    const unclean = this.#faults.moves > 0 ? this.#whenLeft([...converged, LEFT_BEHIND], paths) : undefined;
    if (unclean !== undefined) {
      this.#violations.found("convergence", `when the partitions that were left had been dropped, ${unclean}`);
      return;
    }
    if (!this.#steady()) this.#violations.found("detection", `a minute after the last fault ${unsteady(this.#view) ?? ""}`);
    this.#trace.event("the replicas agree, and every copy is whole");
    this.#checkAlarms();
    this.#checkSuperNodes();
    this.#lastReads(paths);
  }

  /**
   * What is wrong when everyone has had the time to drop what it left. That counts from the newest map: a DataNode that only now finds
   * the SuperNode is given its share, and who held that before leaves it.
   */
  #whenLeft(looks: readonly Look[], paths: readonly Path[]): string | undefined {
    for (let maps = 0; ; maps += 1) {
      const { version } = this.#view.map;
      this.#runtime.advance(LEFT_PARTITION_MS + DROPPING_MS);
      const wrong = firstWrong(looks, this.#view, paths);
      if (wrong === undefined || this.#view.map.version === version || maps === LATE_MAPS_MAX) return wrong;
    }
  }

  /** A recovery under way ends, and whoever was replaced hears of it, and ends. */
  #checkSuperNodes(): void {
    const living = (): readonly string[] =>
      this.#cluster.superHosts
        .filter(({ life }) => life !== undefined)
        .map(({ name, superNode }) => (superNode ? name : `${name}, recovering`));
    const alone = (): boolean => living().length === 1 && this.#cluster.superHost.superNode !== undefined;
    if (!this.#runtime.advanceUntil(alone, SUCCESSION_MS))
      this.#violations.found("liveness", `SuperNodes at the end: ${living().join("; ") || "none"}`);
  }

  /** Nobody raised an alarm about a disk that lost nothing. */
  #checkAlarms(): void {
    for (const { name, disk, node } of this.#cluster.dataHosts) {
      const [alarm] = node?.entropy.findings.alarms() ?? [];
      if (alarm !== undefined && disk.lost.size === 0)
        this.#violations.found("divergence", `${name}, whose disk lost nothing, says: ${alarm}`);
    }
  }

  /** Everyone is up and counted on again, as soon as who came and went has stayed for as long as it has to. */
  #steady(): boolean {
    return this.#runtime.advanceUntil(() => unsteady(this.#view) === undefined, FLAP_HOLD_MS_MAX + STEADY_SLACK_MS);
  }

  #lastReads(paths: readonly string[]): void {
    let done = false;
    let found = false;
    this.#cluster.startClient("client-last", (client) => {
      if (client === undefined) return;
      found = true;
      this.#readAll(client, paths).then(
        () => {
          done = true;
        },
        (error) => {
          done = true;
          this.#violations.found("liveness", `with all well, a read or listing failed: ${messageOf(error)}`);
        },
      );
    });
    const ended = this.#runtime.advanceUntil(() => done, LAST_READS_MS);
    if (!ended)
      this.#violations.found(
        "liveness",
        `with all well, ${found ? "the last reads did not end" : "no client finds the cluster"}`,
      );
  }

  async #readAll(client: Client, paths: readonly string[]): Promise<void> {
    const context: OperationContext = {
      client,
      recorder: this.#recorder,
      violations: this.#violations,
      n: this.#plan.shape.n,
      known: new Map(),
      over: () => false,
    };
    for (const path of paths) {
      const words = await start(lastRead(path), context).ended;
      this.#trace.event(`last read of ${path}: ${words}`);
    }
    await this.#checkListing(client, paths, "the last listing");
    if (stream(this.#plan.options.seed, "rebuild").unit() < 0.2) {
      this.#cluster.kill(this.#cluster.superHost, "kill");
      this.#cluster.superHost.catalogue.clear();
      this.#cluster.startSuperNode();
      await this.#checkListing(client, paths, "the listing of a rebuilt catalogue");
    }
  }

  async #checkListing(client: Client, paths: readonly string[], what: string): Promise<void> {
    const endMs = this.#runtime.clock.monotonicMs() + COMPLETE_LISTING_MS;
    let listing = await listAll(client);
    while (listing.incomplete !== "" && this.#runtime.clock.monotonicMs() < endMs) {
      await new Promise<void>((resolve) => this.#runtime.timers.after(CONVERGENCE_LOOK_MS, resolve));
      listing = await listAll(client);
    }
    const { entries, incomplete } = listing;
    if (incomplete !== "") this.#violations.found("liveness", `with all well, ${what} may be incomplete: ${incomplete}`);
    const difference = incomplete === "" ? listingDifference(this.#view, paths, entries) : undefined;
    if (difference !== undefined) this.#violations.found("I11", `${what}: ${difference}`);
  }

  #judge(): number {
    const erases = this.#plan.shape.garbage !== undefined;
    const operations = erases ? this.#recorder.operations.flatMap(withoutVersion) : this.#recorder.operations;
    const listings = erases ? [] : this.#recorder.listings;
    const verdict = judge(operations, listings, { keptVersions: this.#plan.shape.keepVersions });
    if (verdict.verdict === "unknown") this.#trace.event("the checker gave up");
    for (const { path, contradiction, operations: core } of verdict.violations) {
      const listed = core.some(({ kind }) => kind === "ls");
      this.#violations.found(
        listed ? "listing" : "linearizability",
        `${path}: ${contradiction} ${core.map((operation) => JSON.stringify(operation)).join(" ")}`,
      );
    }
    return verdict.operationsChecked;
  }
}

function firstWrong(looks: readonly Look[], view: DiskView, paths: readonly Path[]): string | undefined {
  for (const [what, look] of looks) {
    const wrong = look(view, paths);
    if (wrong !== undefined) return `${what}: ${wrong}`;
  }
  return undefined;
}

/** Where files are erased versions begin anew: what is judged is contents, and what was there at all. */
function withoutVersion(operation: RecordedOperation): readonly RecordedOperation[] {
  const { kind, version, valueId } = operation;
  if (kind === "get" && version !== null && valueId === null) return []; // it told nothing else
  return [{ ...operation, version: null }];
}

function lastRead(path: string): PlannedOperation {
  return { index: -1, client: 0, kind: "get", path, sizeBytes: 0, pauseMs: 0, budgetMs: LAST_READS_MS, choice: 0 };
}
