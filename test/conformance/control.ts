/** What every ControlDialer with its serving end must do. */
import { describe, expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { CONTROL_CALL_MS, PARTITIONS } from "../../src/limits.ts";
import type { ClusterApi, ControlDialer, DataNodeApi, Runtime, SuperNodeApi } from "../../src/ports.ts";
import type { FollowReply, FollowRequest } from "../../src/wire/membership-messages.ts";
import type { ClusterMap, ListRequest } from "../../src/wire/messages.ts";

export interface ControlWorld {
  readonly runtime: Runtime;
  serve(api: ClusterApi | DataNodeApi | SuperNodeApi, address?: string): Promise<{ address: string; kill(): void }>;
  dialer(): ControlDialer;
  deadAddress(): Promise<string>;
  until<T>(promise: Promise<T>): Promise<T>;
  close(): void;
}

const POLICY = {
  n: 3,
  w: 2,
  r: 2,
  name: "majority",
  chunkSizeBytes: 5,
  inlineLimitBytes: 4,
  keepVersions: 6,
  tombstoneGraceMs: 0,
  orphanAgeMs: 0,
  keepForMs: 0,
  sinceMs: 1_700_000_000_000,
};
const NODE = {
  number: 1,
  grpc: "h:1",
  http: "h:2",
  zone: "z",
  weight: 7,
  state: 2 as const,
  standing: 3 as const,
  diskId: "d",
  held: true,
};
export const MAP: ClusterMap = {
  clusterId: "c",
  generation: 1,
  version: 2 ** 50,
  policy: POLICY,
  nodes: [1, 2, 3].map((number) => ({ ...NODE, number })),
  partitions: Array.from({ length: PARTITIONS }, (_, index) => ({
    number: index + 1,
    sets: [{ nodes: [1, 2, 3], w: 2, r: 2, since: [] }],
    recovered: index % 2 === 1,
  })),
  supernodes: ["h:0"],
  waitingFor: "",
  nextNode: 5,
  gone: [{ number: 4, diskId: "e" }],
};

const refuse = async (): Promise<never> => {
  throw new QdfsError("NOT_FOUND", "nothing – 無", { asked: ["x"] });
};

function superNode(overrides: Partial<SuperNodeApi> = {}): SuperNodeApi {
  return {
    getMap: async () => ({
      map: MAP,
      loads: [{ number: 1, opsPerSec: 0.5, inFlight: 2 }],
      counter: 9,
      wallMs: 1_700_000_000_123,
      version: "v",
    }),
    join: async (request) => ({ number: request.number + 1, map: MAP }),
    heartbeat: async () => ({ map: null, loads: [] }),
    list: refuse,
    usage: async () => ({ files: 1, sizeBytes: 2 ** 52, storedBytes: 3, incomplete: "" }),
    status: () => new Promise(() => {}),
    backup: refuse,
    leave: refuse,
    setQuorum: refuse,
    ...overrides,
  };
}

const JOIN = {
  clusterId: "c",
  number: 0,
  diskId: "d",
  grpc: "h:1",
  http: "h:2",
  zone: "",
  weight: 1,
  capacityBytes: 0,
  version: "",
  mapGeneration: 0,
};
const BEAT = {
  clusterId: "c",
  load: { number: 1, opsPerSec: 1, inFlight: 0 },
  mapVersion: 1,
  mapGeneration: 1,
  usedBytes: 0,
  badCopiesFound: 0,
  badCopiesMended: 0,
  capacityBytes: 0,
  freeBytes: 0,
  alarms: [{ kind: "corrupt", count: 2, words: ["a"] }],
  version: "test",
  leaving: true,
  catchingUp: 0,
  reads: 0,
  writes: 0,
  peers: [],
};
const LIST: ListRequest = { prefix: "/", recursive: true, node: 0, limit: 10, after: "", eventual: false, kind: 0 };

export function controlConformance(name: string, makeWorld: () => ControlWorld): void {
  async function outcome(world: ControlWorld, promise: Promise<unknown>): Promise<QdfsError> {
    const caught = await world.until(
      promise.then(
        () => undefined,
        (error) => error,
      ),
    );
    expect(caught).toBeInstanceOf(QdfsError);
    return caught;
  }

  describe(`${name}: control plane`, () => {
    test("a map that does not hold together is not handed on", async () => {
      const world = makeWorld();
      const map = { ...MAP, nodes: [] };
      const api = superNode({
        getMap: async () => ({ map, loads: [], counter: 1, wallMs: 0, version: "" }),
        join: async () => ({ number: 1, map }),
        heartbeat: async () => ({ map, loads: [] }),
      });
      const called = world.dialer().connect((await world.serve(api)).address);
      for (const call of [called.getMap(), called.join(JOIN), called.heartbeat(BEAT)]) {
        expect((await outcome(world, call)).code).toBe("BAD_REQUEST");
      }
      called.close();
      world.close();
    });

    test("requests and replies arrive as they were sent, a whole map among them", async () => {
      const world = makeWorld();
      const { address } = await world.serve(superNode());
      const api = world.dialer().connect(address);
      expect(await world.until(api.getMap())).toEqual({
        map: MAP,
        loads: [{ number: 1, opsPerSec: 0.5, inFlight: 2 }],
        counter: 9,
        wallMs: 1_700_000_000_123,
        version: "v",
      });
      expect(await world.until(api.heartbeat(BEAT))).toEqual({ map: null, loads: [] });
      expect((await world.until(api.usage({ prefix: "/" }))).sizeBytes).toBe(2 ** 52);
      api.close();
      world.close();
    });

    test("an error arrives with its code, message and details", async () => {
      const world = makeWorld();
      const { address } = await world.serve(superNode());
      const error = await outcome(world, world.dialer().connect(address).list(LIST));
      expect([error.code, error.message, error.details]).toEqual(["NOT_FOUND", "nothing – 無", { asked: ["x"] }]);
      world.close();
    });

    test("a DataNode serves the map and nothing else", async () => {
      const world = makeWorld();
      const { address } = await world.serve({ getMap: superNode().getMap });
      const api = world.dialer().connect(address);
      expect((await world.until(api.getMap())).counter).toBe(9);
      expect((await outcome(world, api.list(LIST))).code).toBe("NOT_ALLOWED");
      world.close();
    });

    test("a DataNode is asked to follow, and hands its map over; who refuses says which generation it follows", async () => {
      const world = makeWorld();
      const asked: unknown[] = [];
      const follow = async (request: FollowRequest): Promise<FollowReply> => {
        asked.push(request);
        if (request.generation < 3) throw new QdfsError("SUPERSEDED", "no", { generation: 2 });
        return { map: MAP, number: 2, diskId: "d" };
      };
      const api = world.dialer().connect((await world.serve({ getMap: superNode().getMap, follow })).address);
      const request = { clusterId: "c", generation: 2, life: "l", supernode: "h:9" };
      const refusal = await outcome(world, api.follow(request));
      expect([refusal.code, refusal.details]).toEqual(["SUPERSEDED", { generation: 2 }]);
      expect(await world.until(api.follow({ ...request, generation: 3 }))).toEqual({ map: MAP, number: 2, diskId: "d" });
      expect(asked).toEqual([request, { ...request, generation: 3 }]);
      expect((await outcome(world, api.backup())).code).toBe("NOT_ALLOWED");
      world.close();
    });

    test("a SuperNode hands a backup out, and follows nobody", async () => {
      const world = makeWorld();
      const file = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
      const reply = { file, clusterId: "c", generation: 2, mapVersion: 9, nodes: 3 };
      const api = world.dialer().connect((await world.serve(superNode({ backup: async () => reply }))).address);
      const backup = await world.until(api.backup());
      expect({ ...backup, file: Uint8Array.from(backup.file) }).toEqual(reply);
      const refusal = await outcome(world, api.follow({ clusterId: "c", generation: 2, life: "l", supernode: "h:9" }));
      expect(refusal.code).toBe("NOT_ALLOWED");
      world.close();
    });

    test("a refused connection is told at once, and a server that comes up there is found by the next call", async () => {
      const world = makeWorld();
      const address = await world.deadAddress();
      const api = world.dialer().connect(address);
      const startMs = world.runtime.clock.monotonicMs();
      const error = await outcome(world, api.getMap());
      expect(world.runtime.clock.monotonicMs() - startMs).toBeLessThan(500);
      expect([error.code, error.message]).toEqual(["CLUSTER_UNREACHABLE", `no server answers at ${address}: connection refused`]);
      await world.serve(superNode(), address);
      expect((await world.until(api.getMap())).counter).toBe(9);
      world.close();
    });

    test("a server that dies is noticed at once; restarted, it answers the next call", async () => {
      const world = makeWorld();
      const { address, kill } = await world.serve(superNode());
      const api = world.dialer().connect(address);
      await world.until(api.getMap());
      const call = outcome(world, api.status({ eventual: false }));
      await world.until(api.getMap());
      const startMs = world.runtime.clock.monotonicMs();
      kill();
      expect((await call).code).toBe("CLUSTER_UNREACHABLE");
      expect(world.runtime.clock.monotonicMs() - startMs).toBeLessThan(200);
      expect((await outcome(world, api.getMap())).code).toBe("CLUSTER_UNREACHABLE");
      await world.serve(superNode(), address);
      expect((await world.until(api.getMap())).counter).toBe(9);
      world.close();
    });

    test("a call that is not answered ends in its time", async () => {
      const world = makeWorld();
      const { address } = await world.serve(superNode());
      const startMs = world.runtime.clock.monotonicMs();
      const error = await outcome(world, world.dialer().connect(address).status({ eventual: true }));
      expect(error.code).toBe("CLUSTER_UNREACHABLE");
      expect(world.runtime.clock.monotonicMs() - startMs).toBeWithin(CONTROL_CALL_MS - 50, CONTROL_CALL_MS + 500);
      world.close();
    }, 20_000);
  });
}
