/** DataNodes that hold what the test says, in virtual time, around a real SuperNode over the memory stores. */
import { QdfsError } from "../../src/base/errors.ts";
import type { NodeNumber, Path } from "../../src/base/ids.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { parseQuorumSpec } from "../../src/cluster/quorum-spec.ts";
import type { Session, SessionDialer } from "../../src/ports.ts";
import { ABSENT, compareBallots, sameBallot } from "../../src/register/ballot.ts";
import { HeardCounter } from "../../src/register/heard-counter.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { MemoryCatalogueStore, MemoryMapStore } from "../../src/storage/memory-super-store.ts";
import { firstState } from "../../src/supernode/first-state.ts";
import { SuperNode } from "../../src/supernode/supernode.ts";
import type { CatalogueStore } from "../../src/supernode-ports.ts";
import type { Carried, Moving } from "../../src/wire/change-messages.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type { HeartbeatRequest, JoinRequest } from "../../src/wire/membership-messages.ts";
import type { AnswerBody, Ballot, Changes, ListReply, ListRequest, RequestBody, Version } from "../../src/wire/messages.ts";
import { ScriptedControl } from "../client/fakes.ts";

const NO_BYTES = new Uint8Array(0);
const LATENCY_MS = 1;

export function ballot(counter: number, node = 1, configuration = 1): Ballot {
  return { configuration, counter, node };
}

function versionOf(number: number, sizeBytes: number, changes: Partial<Version> = {}): Version {
  return {
    version: number,
    tombstone: false,
    operation: { stamp: 1, random: "00112233445566aa" },
    sizeBytes,
    modifiedAtMs: 1000 + number,
    writtenAtMs: 2000 + number,
    checksum: "xxh3:0000000000000000",
    contentType: "",
    metadata: {},
    mode: 0,
    by: "ann",
    chunks: null,
    ...changes,
  };
}

/** The head of a file whose current version has this number and size. */
export function head(version: number, sizeBytes = version): Uint8Array {
  return headCodec.encode({ current: versionOf(version, sizeBytes), history: [], window: [], forgotten: 0 });
}

/** The head of a file whose version `version - 1` was deleted. */
export function deletedHead(version: number, sizeBytes: number): Uint8Array {
  const current = versionOf(version, 0, { tombstone: true, by: "bob", checksum: "" });
  return headCodec.encode({ current, history: [versionOf(version - 1, sizeBytes)], window: [], forgotten: 0 });
}

interface Entry {
  sequence: number;
  ballot: Ballot;
  head: Uint8Array;
  chosen: boolean;
}

export class ScriptedNode {
  number: NodeNumber = 0;
  readonly diskId: string;
  readonly grpc: string;
  reach: "up" | "unreachable" | "silent" = "up";
  /** Requests taken, by kind. */
  readonly taken: Record<string, number> = {};
  sequence = 0;
  /** Of the SuperNode that it follows. */
  generation = 1;
  /** What a settle asked of this node does; the default makes the highest value of the reachable nodes chosen. */
  onSettle: ((path: Path) => AnswerBody) | undefined;
  /** Runs before a question about changes is answered. */
  onChanges: (() => void) | undefined;
  readonly entries = new Map<Path, Entry>();
  readonly #runtime: FakeRuntime;
  #wake: (() => void)[] = [];

  constructor(runtime: FakeRuntime, diskId: string, grpc: string) {
    this.#runtime = runtime;
    this.diskId = diskId;
    this.grpc = grpc;
  }

  accept(path: Path, at: Ballot, bytes: Uint8Array, chosen = false): void {
    this.sequence += 1;
    this.entries.set(path, { sequence: this.sequence, ballot: at, head: bytes, chosen });
    const wake = this.#wake;
    this.#wake = [];
    for (const run of wake) run();
  }

  answer(body: RequestBody): Promise<AnswerBody> {
    const kind = Object.keys(body)[0] ?? "";
    this.taken[kind] = (this.taken[kind] ?? 0) + 1;
    if (body.changes) return this.#changes(body.changes);
    if (body.sequence)
      return Promise.resolve({ sequence: { diskId: this.diskId, current: this.sequence, generation: this.generation } });
    if (body.map) return Promise.resolve({ map: { ...body.map, map: NO_BYTES } });
    if (body.rescan) return Promise.resolve({ rescanned: { carried: body.rescan.of.map((of) => carriedAt(of)) } });
    if (body.read) return Promise.resolve({ held: this.#held(body.read.path) });
    throw new Error(`not scripted: ${kind}`);
  }

  #held(path: Path) {
    const entry = this.entries.get(path);
    const { ballot: at, head: bytes, chosen } = entry ?? { ballot: ABSENT, head: NO_BYTES, chosen: true };
    return { ballot: at, head: bytes, chosen, content: NO_BYTES, contentHeld: false };
  }

  async #changes({ after, limit, waitMs, heads }: Changes): Promise<AnswerBody> {
    if (this.sequence <= after && waitMs > 0) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        this.#runtime.timers.after(waitMs, resolve);
      });
    }
    this.onChanges?.();
    const rows = [...this.entries].filter(([, entry]) => entry.sequence > after).sort(([, a], [, b]) => a.sequence - b.sequence);
    const changes = rows.slice(0, limit).map(([path, entry]) => ({
      sequence: entry.sequence,
      path,
      ballot: entry.ballot,
      chosen: entry.chosen,
      head: heads && entry.ballot.node === this.number ? entry.head : NO_BYTES,
    }));
    const through = rows.length > limit ? (changes.at(-1)?.sequence ?? after) : this.sequence;
    return { changes: { changes, diskId: this.diskId, current: this.sequence, through, generation: this.generation } };
  }
}

export class ScriptedCluster implements SessionDialer {
  readonly runtime = new FakeRuntime();
  readonly maps = new MemoryMapStore();
  catalogue: CatalogueStore = new MemoryCatalogueStore();
  readonly nodes: ScriptedNode[] = [];
  /** What the DataNodes say of their maps. */
  readonly control = new ScriptedControl();
  /** What SuperNodes ended with. */
  readonly replaced: QdfsError[] = [];
  readonly #quorum: string;
  superNode: SuperNode;
  #counter = 1000;

  constructor(quorum = "n=3,w=2,r=2") {
    this.#quorum = quorum;
    this.superNode = this.#boot();
  }

  /** A cluster whose partitions are assigned to its nodes; they send heartbeats by themselves. */
  static async of(count: number, quorum?: string): Promise<ScriptedCluster> {
    const cluster = new ScriptedCluster(quorum);
    for (let i = 0; i < count; i++) await cluster.join(cluster.addNode());
    cluster.runtime.advance(50);
    return cluster;
  }

  #boot(): SuperNode {
    const { runtime, maps, catalogue } = this;
    const state = firstState(maps, parseQuorumSpec(this.#quorum), runtime.random);
    const superNode = new SuperNode({
      runtime,
      maps,
      catalogue,
      dialer: this,
      control: this.control,
      counter: new HeardCounter(),
      state,
      onReplaced: (error) => void this.replaced.push(error),
    });
    superNode.start("super:1");
    return superNode;
  }

  /** As a crash: nothing is said or stored any more; then a new process over the same stores. */
  restart(): void {
    const { catalogue } = this;
    this.catalogue = deaf(catalogue);
    Object.assign(catalogue, { apply: () => undefined });
    this.superNode.stop();
    this.superNode = this.#boot();
  }

  addNode(grpc = `node:${this.nodes.length + 1}`): ScriptedNode {
    const node = new ScriptedNode(this.runtime, `disk${this.nodes.length + 1}`, grpc);
    this.nodes.push(node);
    this.#beat(node);
    return node;
  }

  node(number: NodeNumber): ScriptedNode {
    const node = this.nodes.find((candidate) => candidate.number === number);
    if (node === undefined) throw new Error(`no node ${number}`);
    return node;
  }

  async join(node: ScriptedNode, changes: Partial<JoinRequest> = {}): Promise<void> {
    const reply = await this.until(this.superNode.join({ ...joinRequest(node), ...changes }));
    node.number = reply.number;
  }

  #beat(node: ScriptedNode): void {
    this.runtime.timers.after(500, () => {
      this.#beat(node);
      if (node.reach !== "up" || node.number === 0) return;
      this.superNode.heartbeat(heartbeat(node.number)).catch(() => undefined);
    });
  }

  /** A path whose home is this node. */
  pathAt(home: NodeNumber): Path {
    for (let i = 0; ; i++) {
      if (this.superNode.map.partitions[partitionOf(this.superNode.map, `/p${i}`)]?.sets[0]?.nodes[0] === home) return `/p${i}`;
    }
  }

  /** The nodes of these numbers accept. */
  accept(numbers: readonly NodeNumber[], path: Path, at: Ballot, bytes: Uint8Array, chosen = false): void {
    for (const number of numbers) this.node(number).accept(path, at, bytes, chosen);
  }

  until<T>(promise: Promise<T>): Promise<T> {
    return this.runtime.until(promise, 60_000);
  }

  list(changes: Partial<ListRequest> = {}): Promise<ListReply> {
    const request = { prefix: "/", recursive: true, node: 0, limit: 0, after: "", eventual: false, kind: 0 as const, ...changes };
    return this.until(this.superNode.list(request));
  }

  /** What is listed now, without waiting: `path@version`. */
  async shown(): Promise<string[]> {
    return names(await this.list({ eventual: true }));
  }

  // ------------------------------------------------------------------------------------------------ SessionDialer

  session(address: string): Session {
    return {
      address,
      state: "ready",
      inFlight: 0,
      latencyMs: 0,
      call: (_, body, timeoutMs) => this.#call(address, body, timeoutMs),
      hint: () => undefined,
      close: () => undefined,
    };
  }

  close(): void {}

  async #call(address: string, body: RequestBody, timeoutMs: number): Promise<AnswerBody> {
    await this.#pass(LATENCY_MS);
    const node = this.nodes.findLast((candidate) => candidate.grpc === address);
    if (node === undefined || node.reach === "unreachable") throw new QdfsError("NODE_UNREACHABLE", `${address}: refused`);
    if (node.reach === "up") {
      const answer = body.settle ? this.#settle(node, body.settle.path) : await node.answer(body);
      if (node.reach === "up") return answer;
    }
    await this.#pass(timeoutMs);
    throw new QdfsError("NODE_SILENT", `${address}: no answer`);
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.runtime.timers.after(ms, resolve));
  }

  #settle(node: ScriptedNode, path: Path): AnswerBody {
    node.taken.settle = (node.taken.settle ?? 0) + 1;
    if (node.onSettle !== undefined) return node.onSettle(path);
    const up = this.nodes.filter((candidate) => candidate.reach === "up" && candidate.number > 0);
    if (up.length < 2) throw new QdfsError("QUORUM_UNAVAILABLE", "prepare needs 2 of 3, got 1");
    const held = up.flatMap((candidate) => candidate.entries.get(path) ?? []);
    const highest = held.reduce<Entry | undefined>(
      (best, entry) => (best === undefined || compareBallots(entry.ballot, best.ballot) > 0 ? entry : best),
      undefined,
    );
    if (highest === undefined) return { settled: { ballot: ABSENT, head: NO_BYTES } };
    if (held.filter((entry) => sameBallot(entry.ballot, highest.ballot)).length >= 2) {
      return { settled: { ballot: highest.ballot, head: highest.head } };
    }
    this.#counter += 1;
    const at = ballot(this.#counter, node.number);
    for (const candidate of up) candidate.accept(path, at, highest.head);
    return { settled: { ballot: at, head: highest.head } };
  }
}

/** Everything is carried over as soon as it is asked for. */
function carriedAt(of: Moving): Carried {
  return { of, done: true, files: 1, chunks: 0, sizeBytes: 10, waitsFor: "" };
}

/** The same contents behind another face, so that a dead process can write no more. */
function deaf(store: CatalogueStore): CatalogueStore {
  const apply = store.apply.bind(store);
  return new Proxy(store, { get: (target, name) => (name === "apply" ? apply : bound(target, name)) });
}

function bound(target: CatalogueStore, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === "function" ? value.bind(target) : value;
}

export function names(reply: ListReply): string[] {
  return reply.entries.map((entry) => (entry.directory ? entry.path : `${entry.path}@${entry.version}`));
}

export function joinRequest(node: Pick<ScriptedNode, "number" | "diskId" | "grpc">): JoinRequest {
  const { number, diskId, grpc } = node;
  return {
    clusterId: "",
    number,
    diskId,
    grpc,
    http: `${grpc}/http`,
    zone: "",
    weight: 1,
    capacityBytes: 0,
    version: "test",
    mapGeneration: 0,
  };
}

export function heartbeat(number: NodeNumber, changes: Partial<HeartbeatRequest> = {}): HeartbeatRequest {
  return {
    clusterId: "",
    load: { number, opsPerSec: 10 * number, inFlight: number },
    mapVersion: 0,
    mapGeneration: 0,
    usedBytes: 5,
    badCopiesFound: 0,
    badCopiesMended: 0,
    capacityBytes: 2 ** 40,
    freeBytes: 2 ** 39,
    alarms: [],
    version: "test",
    leaving: false,
    catchingUp: 0,
    reads: 0,
    writes: 0,
    peers: [],
    ...changes,
  };
}
