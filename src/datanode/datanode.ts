/**
 * A DataNode over ports: replica, coordinator, chunks, change log, membership, put together. serve.ts gives it real sockets
 * and disks, the simulator simulated ones.
 */
import { AssertionFailed, assert, codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { ADAPTIVE } from "../cluster/quorum-spec.ts";
import {
  CATCH_UP_EVERY_MS,
  CEILING_STEP,
  DRAIN_MS,
  FREE_BYTES_MIN,
  HOUSEKEEPING_MS,
  OPERATION_BUDGET_MS,
  QUIET_OPERATIONS_PER_SEC,
} from "../limits.ts";
import type {
  BulkClient,
  Cancel,
  ChunkFiles,
  ClusterApi,
  LamportCounter,
  NodeStore,
  Runtime,
  Session,
  SessionDialer,
  SessionHandler,
  SessionState,
} from "../ports.ts";
import { BallotCounter } from "../register/counter.ts";
import { failureAnswer } from "../wire/failure.ts";
import { type Chosen, type ClusterMap, type Hello, type MapReply, type Request, Want } from "../wire/messages.ts";
import { Alarms } from "./alarms.ts";
import { CatchUp } from "./catch-up.ts";
import { ChangeLog } from "./change-log.ts";
import { checkAccept, checkConfirm, checkMutate } from "./check-request.ts";
import { ChunkStore } from "./chunk-store.ts";
import { Coordinator } from "./coordinator.ts";
import { Freshness } from "./freshness.ts";
import { LoadMeter } from "./load-meter.ts";
import { MapKeeper } from "./map-keeper.ts";
import { Heartbeats, type NodeReport, type SuperNodes } from "./membership.ts";
import { Peers } from "./peers.ts";
import { Replica, type Reply } from "./replica.ts";

export interface DataNodeParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly files: ChunkFiles;
  readonly sessions: (counter: LamportCounter, hello: () => Hello) => SessionDialer;
  readonly bulk: BulkClient;
  readonly supernodes: SuperNodes;
  readonly self: NodeNumber;
  readonly diskId: string;
  /** The map to begin with: the adopted one on disk, or the one that came with the admission. */
  readonly map: ClusterMap;
  readonly version: string;
  readonly capacityBytes: number;
  /** A broken invariant or an unusable disk: the process must end. */
  readonly onFatal: (error: unknown) => void;
}

export class DataNode implements SessionHandler, ClusterApi {
  readonly #parts: DataNodeParts;
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly counter: BallotCounter;
  readonly #replica: Replica;
  readonly #maps: MapKeeper;
  readonly #peers: Peers;
  readonly #coordinator: Coordinator;
  readonly #changes: ChangeLog;
  readonly #alarms: Alarms;
  readonly #catchUp: CatchUp;
  readonly #freshness: Freshness;
  readonly #heartbeats: Heartbeats;
  readonly #load: LoadMeter;
  readonly #dialer: SessionDialer;
  readonly #peerStates = new Map<NodeNumber, SessionState>();
  readonly chunks: ChunkStore;
  #cancelHousekeeping: Cancel | undefined;
  #lastHousekeepingMs = 0;
  #lastCatchUpMs = 0;
  #freeBytes = 0;
  #reads = 0;
  #writes = 0;
  #stopping = false;

  constructor(parts: DataNodeParts) {
    this.#parts = parts;
    const { runtime, store, self, diskId } = parts;
    this.#runtime = runtime;
    this.#store = store;
    this.counter = new BallotCounter(store.ceiling());
    this.#replica = new Replica(runtime, store, this.counter, parts.onFatal);
    this.#maps = new MapKeeper(self, parts.map, (map) => this.#replica.write({ map }));
    this.#dialer = parts.sessions(this.counter, () => this.greeting());
    this.#peers = new Peers(
      this.#maps,
      { submit: this.#local.bind(this), chosen: (hint) => this.#replica.chosen(hint) },
      this.#dialer,
      runtime,
      (node) => this.#heartbeats.waitingAt(node),
    );
    this.#coordinator = new Coordinator(runtime, this.#maps, this.counter, this.#replica, this.#peers);
    this.#changes = new ChangeLog(runtime, store, this.#replica, diskId, self);
    this.#alarms = new Alarms(runtime.log);
    this.chunks = new ChunkStore({
      runtime,
      store,
      replica: this.#replica,
      files: parts.files,
      bulk: parts.bulk,
      maps: this.#maps,
      alarms: this.#alarms,
      diskId,
    });
    this.#freshness = new Freshness(runtime.clock, this.#maps);
    this.#catchUp = new CatchUp({
      runtime,
      store,
      maps: this.#maps,
      peers: this.#peers,
      replica: this.#replica,
      coordinator: this.#coordinator,
      chunks: this.chunks,
      freshness: this.#freshness,
    });
    this.#load = new LoadMeter(runtime.clock);
    this.#heartbeats = new Heartbeats(runtime, parts.supernodes, this.#maps, () => this.#report());
  }

  /** Makes the first ceiling durable (P3) and the map adopted; then requests may come. */
  async open(): Promise<void> {
    const map = this.#store.map() === undefined ? { map: this.#parts.map } : {};
    await this.#replica.write({ ceiling: this.counter.ceilingFor(this.counter.ceiling), ...map });
    assert(this.counter.ceiling >= CEILING_STEP, "a node that serves has a durable ceiling (P3)");
  }

  /** Begins heartbeats, housekeeping and catching up. */
  start(): void {
    this.#lastHousekeepingMs = this.#runtime.clock.monotonicMs();
    this.#housekeeping();
    this.#heartbeats.start();
    this.#beginCatchUp();
  }

  /** What this node says of itself at the start of every session. */
  greeting(): Hello {
    return { clusterId: this.#maps.map.clusterId, node: this.#maps.self, version: this.#parts.version };
  }

  /** A newer map, from wherever. */
  adopt(map: ClusterMap): Promise<void> {
    return this.#maps.adopt(map);
  }

  async getMap(): Promise<MapReply> {
    return { map: this.#maps.map, loads: this.#heartbeats.loads, counter: this.counter.current() };
  }

  /** Finishes what is under way, says goodbye to the SuperNode, and closes the disk. Nothing may be submitted afterwards. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelHousekeeping?.();
    this.#catchUp.stop();
    const patience = new Promise<void>((resolve) => this.#runtime.timers.after(DRAIN_MS, resolve));
    await Promise.race([this.#coordinator.idle(), patience]);
    await this.#heartbeats.stop();
    this.#dialer.close();
    this.#parts.bulk.close();
    await Promise.race([Promise.all([this.#catchUp.idle(), this.chunks.stop()]), patience]);
    await this.#replica.flush();
    this.#store.close();
  }

  metrics(): string {
    const { files, bytes } = this.#store.usage();
    const lines: [string, string, number][] = [
      ["qdfs_files", "Files of which this node holds a head.", files],
      ["qdfs_bytes", "Bytes of inline content and chunks.", bytes],
      ["qdfs_operations_total", "Requests taken.", this.#load.total],
      ["qdfs_coordinator_in_flight", "Operations queued or running.", this.#coordinator.inFlight],
      ["qdfs_replica_inbox", "Requests waiting for the next commit.", this.#replica.depth],
      ["qdfs_change_sequence", "Sequence of the last committed accept.", this.#store.sequence],
      ["qdfs_catch_up_behind", "Changes at peers not looked at yet.", this.#catchUp.behind],
      ["qdfs_catch_up_taken_total", "Files taken over from peers.", this.#catchUp.takenCount],
      ["qdfs_corrupt_copies_total", "Copies found bad.", this.#alarms.corruptCount],
      ["qdfs_free_bytes", "Room on the disk.", this.#freeBytes],
    ];
    return lines.map(([name, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`).join("");
  }

  // ------------------------------------------------------------------------------------------------ SessionHandler

  hello(hello: Hello): void {
    const { clusterId } = this.#maps.map;
    if (hello.clusterId !== "" && hello.clusterId !== clusterId) {
      throw new QdfsError("WRONG_CLUSTER", `this DataNode belongs to cluster ${clusterId}, not ${hello.clusterId}`);
    }
  }

  request(request: Request, answer: Reply): void {
    try {
      this.#dispatch(request, answer);
    } catch (error) {
      answer(this.#failed(error));
    }
  }

  chosen(hint: Chosen): void {
    this.#replica.chosen(hint);
  }

  #dispatch(request: Request, answer: Reply): void {
    const { mutate, settle, configuration } = request;
    if (mutate || settle) {
      if (this.#stopping) throw new QdfsError("SHUTTING_DOWN", `${nodeName(this.#maps.self)} is stopping`);
      this.#load.count();
    }
    if (mutate) {
      this.#writes += 1;
      checkMutate(mutate, this.#maps.map.policy, this.counter.current());
      this.#check(mutate.path, configuration);
      this.#answerLater(this.#coordinator.mutate(mutate), (mutated) => answer({ mutated }), answer);
    } else if (settle) {
      this.#check(settle.path, configuration);
      const budgetMs = Math.min(settle.budgetMs || OPERATION_BUDGET_MS, OPERATION_BUDGET_MS);
      this.#answerLater(this.#coordinator.settle(settle.path, budgetMs), (settled) => answer({ settled }), answer);
    } else {
      const { prepare, accept, read, fetch, confirm } = request;
      const about = prepare ?? accept ?? read ?? fetch;
      if (about) {
        this.#check(about.path, configuration);
        if (accept) checkAccept(accept);
        if (read) {
          this.#load.count();
          // One of the R requests of a strong read is for more than the ballot.
          if (read.want !== Want.BALLOT && !read.age) this.#reads += 1;
        }
      }
      if (confirm) checkConfirm(confirm);
      this.#local(request, read?.age ? this.#withAge(read.path, answer) : answer);
    }
  }

  #withAge(path: Path, answer: Reply): Reply {
    return (body) => {
      const ageMs = body.held ? this.#freshness.ageMs(path) : undefined;
      answer(body.held && ageMs !== undefined ? { held: { ...body.held, ageKnown: true, ageMs } } : body);
    };
  }

  /** What needs no coordinator; also what this node asks itself. */
  #local(body: Omit<Request, "id" | "configuration">, reply: Reply): void {
    const { confirm, accept, prepare } = body;
    const proposal = prepare ?? accept;
    // P5, for our own coordinator too: only ballots of the adopted configuration.
    if (proposal) this.#check(proposal.path, proposal.ballot.configuration);
    if (accept?.inline && this.#alarms.diskFull) {
      // Below the reserve only what needs no room for content is taken: deletes, settles of chunked files.
      throw new QdfsError("STORAGE_FULL", "no room on this DataNode");
    }
    if (body.prepare || body.accept || body.read || body.fetch) this.#replica.submit(body, reply);
    else if (confirm) reply({ confirmed: { missing: this.chunks.missing(confirm.path, confirm.upload, confirm.indexes) } });
    else if (body.changes) this.#changes.answer(body.changes, reply);
    else if (body.sequence) reply(this.#changes.sequence());
    else throw new QdfsError("BAD_REQUEST", "the request has no body that this version knows");
  }

  /** P5: only ballots and requests of the adopted configuration. One that is ahead of us makes us look for the newer map. */
  #check(path: Path, number: number): void {
    try {
      this.#maps.check(path, number);
    } catch (error) {
      if (codeOf(error) === "CONFIGURATION_STALE") void this.#heartbeats.send(false);
      throw error;
    }
  }

  #answerLater<T>(work: Promise<T>, done: (result: T) => void, answer: Reply): void {
    work.then(done, (error) => answer(this.#failed(error)));
  }

  /** An operating failure is answered; a broken invariant ends the process. */
  #failed(error: unknown): ReturnType<typeof failureAnswer> {
    if (error instanceof QdfsError) return failureAnswer(error);
    if (error instanceof AssertionFailed) this.#parts.onFatal(error);
    this.#runtime.log.warn("a request failed with a bug of ours", { why: messageOf(error) });
    return failureAnswer(new QdfsError("BUG", messageOf(error)));
  }

  // ---------------------------------------------------------------------------------------------------- every now and then

  #housekeeping(): void {
    if (this.#stopping) return;
    const now = this.#runtime.clock.monotonicMs();
    const stalled = now - this.#lastHousekeepingMs > 4 * HOUSEKEEPING_MS; // frozen, or starved: accepts may have been missed
    this.#lastHousekeepingMs = now;
    try {
      this.#freeBytes = this.#parts.files.freeBytes();
      this.#alarms.setDiskFull(this.#freeBytes < FREE_BYTES_MIN || this.#replica.full, this.#freeBytes);
      this.#replica.full = false; // with room in sight the next commit tells
      this.#store.maintain();
      this.#watchPeers(stalled, now);
    } catch (error) {
      if (codeOf(error) !== "STORAGE_FULL") {
        this.#parts.onFatal(error);
        return;
      }
    }
    this.#cancelHousekeeping = this.#runtime.timers.after(HOUSEKEEPING_MS, () => this.#housekeeping());
  }

  #watchPeers(stalled: boolean, now: number): void {
    const quiet = this.#load.perSec() < QUIET_OPERATIONS_PER_SEC && now - this.#lastCatchUpMs > CATCH_UP_EVERY_MS;
    if (stalled || quiet) this.#beginCatchUp();
    const isAdaptive = this.#maps.map.policy.name === ADAPTIVE;
    for (const { number } of this.#maps.map.nodes) {
      if (number === this.#maps.self) continue;
      const session: Session = this.#peers.session(number);
      const before = this.#peerStates.get(number);
      const connects = session.state !== "ready" && session.state !== "silent";
      if (connects || isAdaptive) void this.#peers.probe(number, HOUSEKEEPING_MS); // reconnects, and measures
      const isBack = before !== undefined && before !== "ready";
      if (session.state === "ready" && (isBack || this.#catchUp.hasFailed(number))) void this.#catchUp.with(number);
      this.#peerStates.set(number, session.state);
    }
  }

  #beginCatchUp(): void {
    this.#lastCatchUpMs = this.#runtime.clock.monotonicMs();
    this.#catchUp.all().catch(this.#parts.onFatal);
  }

  #report(): NodeReport {
    return {
      load: { number: this.#maps.self, opsPerSec: this.#load.perSec(), inFlight: this.#coordinator.inFlight },
      usedBytes: this.#store.usage().bytes,
      capacityBytes: this.#parts.capacityBytes,
      freeBytes: this.#freeBytes,
      alarms: this.#alarms.list(),
      catchingUp: this.#catchUp.behind,
      reads: this.#reads,
      writes: this.#writes,
      peers: this.#peers.times(),
    };
  }
}
