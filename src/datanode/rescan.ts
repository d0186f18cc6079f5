/**
 * Carries partitions over to their new replica sets, on the SuperNode's order (P16): the part of a change between its barrier and the new
 * set alone. Any replica of the joint configuration may do it, several may do it at once, and it may be begun again from the start
 * at any time: each step only adds copies of what is there already. So nothing of it is stored. Whoever does it dies: the SuperNode orders
 * another. The SuperNode dies: its successor sees the joint configuration in the map, and orders again.
 *
 * A file is carried over when it is settled in the joint configuration and W replicas of the new set, and every one that joins, hold what
 * the settle found, or something newer, with all inline bytes that it names. A value that is known chosen already is not accepted again in
 * the joint configuration but learned (Acceptor.learns). That is enough: the settle's phase 1 met R of the old replicas after they had adopted
 * the joint configuration, so what it found is, or extends, whatever was chosen in the old one (settle first, if it is not known chosen);
 * and W of the new replicas hold it before the new set stands alone, so every phase 1 and every read of that set meets it. What is
 * proposed meanwhile is accepted by W of both sets.
 * A file that no scanned replica holds was never chosen in the old configuration, and cannot be any more.
 *
 * A chunk is carried over when W stores of the new set, and every one that joins, hold it, or when a later scan does not show it any more. So is what the old replicas that were scanned have
 * forgotten of absent files (P14): what was erased in the old configuration was erased at all of them.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import {
  CARRY_FILES_IN_FLIGHT,
  CARRY_RESURVEY_MS,
  CARRY_RETRY_MS,
  COMPLETE_MS,
  OPERATION_BUDGET_MS,
  QUORUM_PATIENCE_MS,
  TAKE_CHUNKS_MAX,
  TAKE_MS,
} from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { isAbsent } from "../register/ballot.ts";
import { reachesIn, writeNeed } from "../register/quorum.ts";
import type { Carried, ChunkAt, Moving, Rescanned } from "../wire/change-messages.ts";
import type { AnswerBody } from "../wire/messages.ts";
import { CarryPace } from "./carry-pace.ts";
import type { Coordinator } from "./coordinator.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import { type Change, changeOf, survey } from "./survey.ts";

/** One partition on its way. */
interface Job {
  readonly change: Change;
  /** Undefined: not surveyed yet. Else what is still to be carried over. */
  left: { readonly paths: Set<Path>; readonly chunks: Map<string, ChunkAt>; forgotten: number } | undefined;
  files: number;
  chunks: number;
  sizeBytes: number;
  waitsFor: string;
  /** When it was last surveyed, monotonic. */
  surveyedMs: number;
}

export interface RescanParts {
  readonly runtime: Runtime;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly coordinator: Coordinator;
  readonly onFatal: (error: unknown) => void;
}

export class Rescan {
  readonly #runtime: Runtime;
  readonly #maps: MapKeeper;
  readonly #peers: Peers;
  readonly #coordinator: Coordinator;
  readonly #onFatal: (error: unknown) => void;
  readonly #jobs = new Map<number, Job>();
  readonly #pace: CarryPace;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor({ runtime, maps, peers, coordinator, onFatal }: RescanParts) {
    this.#runtime = runtime;
    this.#maps = maps;
    this.#peers = peers;
    this.#coordinator = coordinator;
    this.#onFatal = onFatal;
    this.#pace = new CarryPace(runtime);
  }

  /**
   * Begins with what is not under way, and says how far everything is. Partitions that are not ordered any more are left alone.
   * @throws QdfsError CONFIGURATION_STALE: one of the configurations is not the one adopted here
   */
  order(of: readonly Moving[]): Rescanned {
    const ordered = of.map(({ partition, number }) => {
      const moving = { partition, number };
      const change = changeOf(moving, this.#maps.checkPartition(partition, number));
      if (change === undefined) throw new QdfsError("BAD_REQUEST", `partition ${partition} does not change`);
      return change;
    });
    const wanted = new Set(ordered.map((change) => change.of.partition));
    for (const partition of this.#jobs.keys()) if (!wanted.has(partition)) this.#jobs.delete(partition);
    for (const change of ordered) {
      const { partition, number } = change.of;
      if (this.#jobs.get(partition)?.change.of.number === number) continue;
      this.#jobs.set(partition, { change, left: undefined, files: 0, chunks: 0, sizeBytes: 0, waitsFor: "", surveyedMs: 0 });
    }
    this.#running ??= this.#run()
      .catch(this.#onFatal)
      .finally(() => {
        this.#running = undefined;
      });
    return { carried: [...this.#jobs.values()].map(carriedOf) };
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let open = this.#open(); open.length > 0 && !this.#stopped; open = this.#open()) {
      const fresh = open.filter((job) => this.#wantsSurvey(job));
      if (fresh.length > 0) await this.#survey(fresh);
      await this.#carryAll(open);
      if (this.#open().some((job) => open.includes(job)))
        await new Promise<void>((resolve) => this.#runtime.timers.after(CARRY_RETRY_MS, resolve));
    }
  }

  /** What is still to be done, as far as it is still wanted. */
  #open(): readonly Job[] {
    for (const [partition, { change }] of this.#jobs)
      if (this.#maps.numberOfPartition(partition) !== change.of.number) this.#jobs.delete(partition);
    return [...this.#jobs.values()].filter((job) => !isDone(job));
  }

  /** A chunk that cannot be had may have been collected since the scan (P22): then no store holds it, and a later scan does not show it. */
  #wantsSurvey({ left, surveyedMs }: Job): boolean {
    if (left === undefined) return true;
    return left.chunks.size > 0 && this.#runtime.clock.monotonicMs() - surveyedMs >= CARRY_RESURVEY_MS;
  }

  async #survey(jobs: readonly Job[]): Promise<void> {
    const changes = new Map(jobs.map((job) => [job.change, job]));
    for (const [change, found] of await survey([...changes.keys()], this.#maps, this.#peers)) {
      const job = changes.get(change);
      if (job === undefined) continue;
      if ("waitsFor" in found) job.waitsFor = found.waitsFor;
      else {
        job.surveyedMs = this.#runtime.clock.monotonicMs();
        if (job.left === undefined) job.left = { ...found };
        else for (const chunk of job.left.chunks.keys()) if (!found.chunks.has(chunk)) job.left.chunks.delete(chunk);
        job.waitsFor = "";
      }
    }
  }

  async #carryAll(jobs: readonly Job[]): Promise<void> {
    const work: (() => Promise<void>)[] = [];
    for (const job of jobs) {
      if (job.left !== undefined && job.left.forgotten > 0) work.push(() => this.#attempt(job, () => this.#carryMemory(job)));
      for (const path of job.left?.paths ?? []) work.push(() => this.#attempt(job, () => this.#carryFile(job, path)));
      const chunks = [...(job.left?.chunks.values() ?? [])];
      for (let at = 0; at < chunks.length; at += TAKE_CHUNKS_MAX) {
        const some = chunks.slice(at, at + TAKE_CHUNKS_MAX);
        work.push(() => this.#attempt(job, () => this.#carryChunks(job, some)));
      }
    }
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let step = work[next++]; step !== undefined && !this.#stopped; step = work[next++]) await step();
    };
    await Promise.all(Array.from({ length: CARRY_FILES_IN_FLIGHT }, worker));
  }

  /** What fails now is tried again in the next round. */
  async #attempt(job: Job, step: () => Promise<void>): Promise<void> {
    if (this.#jobs.get(job.change.of.partition) !== job) return;
    try {
      await step();
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      job.waitsFor = messageOf(error);
    }
  }

  async #carryFile(job: Job, path: Path): Promise<void> {
    const { change, left } = job;
    await this.#pace.file();
    const { ballot: found } = await this.#pace.settling(() => this.#coordinator.settle(path, OPERATION_BUDGET_MS));
    const ballot = { configuration: found.configuration, counter: found.counter, node: found.node };
    if (!isAbsent(ballot)) {
      await this.#everywhere(change, path, async (node) => {
        const answer = await this.#peers.call(node, change.of.number, { complete: { path, ballot } }, COMPLETE_MS);
        const sizeBytes = answer.completed?.sizeBytes ?? 0;
        job.sizeBytes += sizeBytes;
        await this.#pace.bytes(sizeBytes);
        if (answer.completed && answer.completed.lost > 0)
          this.#runtime.log.warn("bytes of kept versions are held by nobody any more", { path, versions: answer.completed.lost });
        return answer.completed ? undefined : "answered with something else";
      });
    }
    left?.paths.delete(path);
    job.files += 1;
  }

  /** P14: an operation from before an erasure must not look new to the new set, whichever R of it answer. */
  async #carryMemory({ change, left }: Job): Promise<void> {
    const forgotten = left?.forgotten ?? 0;
    await this.#everywhere(change, "what was forgotten", async (node) => {
      const answer = await this.#peers.call(node, 0, { remember: { of: change.of, forgotten } }, QUORUM_PATIENCE_MS);
      return answer.remembered ? undefined : "answered with something else";
    });
    if (left !== undefined) left.forgotten = 0;
  }

  async #carryChunks(job: Job, chunks: readonly ChunkAt[]): Promise<void> {
    const { change, left } = job;
    await this.#everywhere(change, `chunk ${chunks[0]?.chunk}`, async (node) => {
      const answer: AnswerBody = await this.#peers.call(node, 0, { take: { of: change.of, chunks } }, TAKE_MS);
      const { missing = [], lost = [], sizeBytes = 0 } = answer.taken ?? {};
      job.sizeBytes += sizeBytes;
      await this.#pace.bytes(sizeBytes);
      if (lost.length > 0) this.#runtime.log.warn("no replica holds an intact copy of chunks", { chunks: [...lost] });
      return answer.taken && missing.length === 0 ? undefined : "does not hold it yet";
    });
    for (const { chunk } of chunks) left?.chunks.delete(chunk);
    job.chunks += chunks.length;
  }

  /**
   * Has every replica of the new set do something; returns when W of them, and all that join, have. `act`: undefined, or why not.
   * @throws QdfsError QUORUM_UNAVAILABLE: too few
   */
  async #everywhere(
    { to, joining }: Change,
    what: string,
    act: (node: NodeNumber) => Promise<string | undefined>,
  ): Promise<void> {
    const have = new Set<NodeNumber>();
    const causes: string[] = [];
    const ask = async (node: NodeNumber): Promise<void> => {
      try {
        const cause = await act(node);
        if (cause === undefined) have.add(node);
        else causes.push(`${nodeName(node)}: ${cause}`);
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        causes.push(`${nodeName(node)}: ${messageOf(error)}`);
      }
    };
    const enough = (): boolean => reachesIn(to, writeNeed, have) && joining.every((node) => have.has(node));
    const asked = to.nodes.map(ask);
    // Those that are not needed are not waited for: one that answers nothing would hold the change up for as long as it may take.
    await new Promise<void>((resolve, reject) => {
      for (const one of asked) one.then(() => enough() && resolve(), reject);
      Promise.all(asked).then(() => resolve(), reject);
    });
    if (enough()) return;
    throw new QdfsError("QUORUM_UNAVAILABLE", `${what} is not carried over yet (${causes.join("; ")})`);
  }
}

function isDone({ left }: Job): boolean {
  return left !== undefined && left.paths.size + left.chunks.size === 0 && left.forgotten === 0;
}

function carriedOf(job: Job): Carried {
  const { change, files, chunks, sizeBytes, waitsFor } = job;
  return { of: change.of, done: isDone(job), files, chunks, sizeBytes, waitsFor: isDone(job) ? "" : waitsFor };
}
