/** A scripted cluster for the client's tests: every node answers as its script says, in virtual time. */
import { checksumOf } from "../../src/base/checksum.ts";
import { QdfsError } from "../../src/base/errors.ts";
import type { NodeNumber, Path } from "../../src/base/ids.ts";
import { assemble } from "../../src/client/assemble.ts";
import type { Client } from "../../src/client/client.ts";
import { type MapCache, noMapCache } from "../../src/client/map-cache.ts";
import { PARTITIONS } from "../../src/limits.ts";
import type {
  BulkClient,
  ChunkId,
  ChunkRequest,
  ControlConnection,
  ControlDialer,
  LamportCounter,
  Receipt,
  Session,
  SessionDialer,
  SessionState,
} from "../../src/ports.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type {
  AnswerBody,
  Ballot,
  ClusterMap,
  Configuration,
  Head,
  MapReply,
  Mutate,
  Node,
  RequestBody,
  Version,
} from "../../src/wire/messages.ts";

const NO_BYTES = new Uint8Array(0);

export function testNode(number: NodeNumber, state: Node["state"] = 0): Node {
  const grpc = `n${number}:1`;
  return { number, grpc, http: `n${number}:2`, zone: "", weight: 1, state, diskId: `disk${number}`, standing: 0, held: false };
}

export function testMap(changes: Partial<ClusterMap> = {}, configuration?: Configuration): ClusterMap {
  const sets = [{ nodes: [1, 2, 3], w: 2, r: 2, since: [] }];
  const everywhere = configuration ?? { number: 1, sets, recovered: false };
  return {
    clusterId: "c1",
    generation: 1,
    version: 1,
    policy: {
      n: 3,
      w: 2,
      r: 2,
      name: "majority",
      chunkSizeBytes: 1000,
      inlineLimitBytes: 100,
      keepVersions: 10,
      sinceMs: 0,
      tombstoneGraceMs: 0,
      orphanAgeMs: 0,
      keepForMs: 0,
    },
    nodes: [testNode(1), testNode(2), testNode(3)],
    partitions: Array.from({ length: PARTITIONS }, () => everywhere),
    supernodes: ["super:1"],
    waitingFor: "",
    nextNode: 1,
    gone: [],
    ...changes,
  };
}

export function testVersion(number: number, content: Uint8Array, changes: Partial<Version> = {}): Version {
  return {
    version: number,
    tombstone: false,
    operation: { stamp: number, random: `op${number}` },
    sizeBytes: content.length,
    modifiedAtMs: 1000 + number,
    writtenAtMs: 2000 + number,
    checksum: checksumOf(content),
    contentType: "",
    metadata: {},
    mode: 0o644,
    by: "test",
    chunks: null,
    ...changes,
  };
}

export function testHead(current: Version, history: readonly Version[] = []): Head {
  return { current, history, window: [], forgotten: 0 };
}

export function ballot(counter: number): Ballot {
  return { configuration: 1, counter, node: 1 };
}

export function held(head: Head, content: Uint8Array | undefined, counter = 5, chosen = true): AnswerBody {
  return {
    held: {
      ballot: ballot(counter),
      head: headCodec.encode(head),
      chosen,
      content: content ?? NO_BYTES,
      contentHeld: content !== undefined,
    },
  };
}

export const HELD_ABSENT: AnswerBody = {
  held: {
    ballot: { configuration: 0, counter: 0, node: 0 },
    head: NO_BYTES,
    chosen: true,
    content: NO_BYTES,
    contentHeld: false,
  },
};

export function mutated(mutate: Mutate, version: number, acks = 2): AnswerBody {
  return { mutated: { outcome: { operation: mutate.operation, refusal: "", version }, version: null, acks, chosen: acks > 1 } };
}

export function refused(mutate: Mutate, refusal: string, version: number): AnswerBody {
  return { mutated: { outcome: { operation: mutate.operation, refusal, version }, version: null, acks: 0, chosen: true } };
}

export type Script = (body: RequestBody, call: number) => AnswerBody | QdfsError | Promise<AnswerBody>;

/** A promise that never settles: a node that does not answer. */
export function silence(): Promise<AnswerBody> {
  return new Promise(() => {});
}

export interface Call {
  readonly node: NodeNumber;
  readonly body: RequestBody;
  readonly atMs: number;
}

export class ScriptedSessions implements SessionDialer {
  readonly calls: Call[] = [];
  readonly scripts = new Map<NodeNumber, Script>();
  readonly states = new Map<NodeNumber, SessionState>();
  readonly #runtime: FakeRuntime;

  constructor(runtime: FakeRuntime) {
    this.#runtime = runtime;
  }

  /** The mutations sent, in order. */
  get mutations(): readonly (Mutate & { readonly node: NodeNumber })[] {
    return this.calls.flatMap(({ node, body }) => (body.mutate ? [{ ...body.mutate, node }] : []));
  }

  session(address: string): Session {
    const node = Number(/^n(\d+):/.exec(address)?.[1]);
    return {
      address,
      state: this.states.get(node) ?? "ready",
      inFlight: 0,
      latencyMs: 1,
      call: async (_configuration, body, timeoutMs) => {
        const made = this.calls.filter((call) => call.node === node).length;
        this.calls.push({ node, body, atMs: this.#runtime.clock.monotonicMs() });
        const answer = this.scripts.get(node)?.(body, made) ?? new QdfsError("NODE_UNREACHABLE", "connection refused");
        if (answer instanceof QdfsError) throw answer;
        return await Promise.race([answer, this.#timeout(timeoutMs)]);
      },
      hint: () => {},
      close: () => {},
    };
  }

  close(): void {}

  #timeout(timeoutMs: number): Promise<never> {
    return new Promise((_, reject) => {
      this.#runtime.timers.after(timeoutMs, () => reject(new QdfsError("NODE_SILENT", `timed out after ${timeoutMs} ms`)));
    });
  }
}

export class ScriptedControl implements ControlDialer {
  /** Address → what getMap answers; an address that is not here refuses connections. */
  readonly maps = new Map<string, () => ClusterMap | Promise<ClusterMap>>();
  readonly asked: string[] = [];
  readonly others: Partial<ControlConnection> = {};
  counter = 100;

  connect(address: string): ControlConnection {
    const refuse = async (): Promise<never> => {
      throw new QdfsError("CLUSTER_UNREACHABLE", `${address}: connection refused`);
    };
    return {
      getMap: async (): Promise<MapReply> => {
        this.asked.push(address);
        const answer = this.maps.get(address);
        return answer === undefined
          ? await refuse()
          : { map: await answer(), loads: [], counter: this.counter, wallMs: 0, version: "test" };
      },
      follow: refuse,
      join: refuse,
      heartbeat: refuse,
      list: refuse,
      usage: refuse,
      status: refuse,
      backup: refuse,
      scrub: refuse,
      repair: refuse,
      leave: refuse,
      setQuorum: refuse,
      ...(this.maps.has(address) ? this.others : {}),
      close: () => {},
    };
  }
}

export type BulkFault = "unreachable" | "silent" | "full" | "corrupt" | "missing";

export class MemoryBulk implements BulkClient {
  readonly chunks = new Map<string, Map<ChunkId, Uint8Array>>();
  /** By HTTP address. */
  readonly faults = new Map<string, BulkFault>();
  readonly reports: string[] = [];
  readonly gets: string[] = [];
  underWay = 0;
  underWayMax = 0;

  async putChunk(
    http: string,
    chunk: ChunkId,
    _owner: Path,
    bytes: Uint8Array,
    checksum: string,
    signal?: AbortSignal,
  ): Promise<Receipt> {
    this.underWay += 1;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    try {
      await this.#fault(http, signal);
      const store = this.chunks.get(http) ?? new Map<ChunkId, Uint8Array>();
      this.chunks.set(http, store);
      const copy = bytes.slice();
      if (checksumOf(copy) !== checksum) throw new QdfsError("CORRUPT", "damaged on the way");
      store.set(chunk, copy);
      return { chunk, diskId: http, sizeBytes: copy.length, checksum };
    } finally {
      this.underWay -= 1;
    }
  }

  async getChunk(
    http: string,
    chunk: ChunkId,
    { signal, room = (sizeBytes) => new Uint8Array(sizeBytes) }: ChunkRequest = {},
  ): Promise<Uint8Array> {
    this.gets.push(http);
    await this.#fault(http, signal);
    const bytes = this.chunks.get(http)?.get(chunk);
    if (bytes === undefined || this.faults.get(http) === "missing") throw new QdfsError("NOT_FOUND", "no such chunk");
    const copy = room(bytes.length);
    copy.set(bytes);
    if (this.faults.get(http) === "corrupt") copy[0] = (copy[0] ?? 0) ^ 255;
    return copy;
  }

  async reportChunk(http: string): Promise<void> {
    this.reports.push(http);
  }

  close(): void {}

  async #fault(http: string, signal: AbortSignal | undefined): Promise<void> {
    await Promise.resolve();
    const fault = this.faults.get(http);
    if (fault === "unreachable") throw new QdfsError("NODE_UNREACHABLE", "connection refused");
    if (fault === "full") throw new QdfsError("STORAGE_FULL", "no room");
    if (fault !== "silent") return;
    await new Promise((_, reject) => {
      const end = () => reject(new QdfsError("NODE_SILENT", "ended"));
      if (signal?.aborted) end();
      signal?.addEventListener("abort", end);
    });
  }
}

export interface TestCluster {
  readonly runtime: FakeRuntime;
  readonly sessions: ScriptedSessions;
  readonly control: ScriptedControl;
  readonly bulk: MemoryBulk;
  /** Heard by the client in the answers of nodes. */
  observe(counter: number): void;
  client(options?: { addresses?: readonly string[]; cache?: MapCache; timeoutMs?: number }): Promise<Client>;
  /** Lets virtual time pass, and the event loop turn, until the promise settles. */
  run<Result>(promise: Promise<Result>): Promise<Result>;
  /** Its rejection, which must come. */
  failure(promise: Promise<unknown>): Promise<QdfsError>;
}

export function testCluster(map: () => ClusterMap = () => testMap(), seed = 1): TestCluster {
  const runtime = new FakeRuntime(seed);
  const sessions = new ScriptedSessions(runtime);
  const control = new ScriptedControl();
  const bulk = new MemoryBulk();
  control.maps.set("super:1", map);
  let counter: LamportCounter | undefined;
  const run = async <Result>(promise: Promise<Result>): Promise<Result> => {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    for (let turns = 0; !settled; turns += 1) {
      if (turns > 100_000) throw new Error("it never settles");
      runtime.settle();
      // What is compiled or hashed outside of JavaScript (WebAssembly) needs turns of the real event loop.
      for (let turn = 0; turn < 3 && !settled; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      if (!settled) runtime.advance(5);
    }
    return await promise;
  };
  return {
    runtime,
    sessions,
    control,
    bulk,
    run,
    observe: (heard) => counter?.observe(heard),
    failure: async (promise) => {
      const outcome = await run(
        promise.then(
          () => undefined,
          (error: unknown) => error,
        ),
      );
      if (outcome instanceof QdfsError) return outcome;
      throw new Error(`expected a QdfsError, got ${String(outcome)}`);
    },
    client: async ({ addresses = ["super:1"], cache = noMapCache, timeoutMs } = {}) =>
      await run(
        assemble({
          addresses,
          cache,
          runtime,
          timeoutMs,
          control,
          bulk,
          sessions: (lamport) => {
            counter = lamport;
            return sessions;
          },
        }),
      ),
  };
}

/** Bytes that differ from place to place. */
export function someBytes(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let i = 0; i < sizeBytes; i += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

export async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array, undefined> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
