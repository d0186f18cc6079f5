import { expect, test } from "bun:test";
import { codeOf, QdfsError } from "../../src/base/errors.ts";
import { SESSION_STALL_MS, SILENT_MS } from "../../src/limits.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { MemoryNetwork } from "../../src/transport/memory-network.ts";
import { MemorySessionDialer } from "../../src/transport/memory-session.ts";
import { SessionPool } from "../../src/transport/session-pool.ts";
import { readOf, type SessionWorld, serviceOf, sessionConformance, TestCounter } from "../conformance/session.ts";

async function memoryWorld(): Promise<SessionWorld> {
  const runtime = new FakeRuntime();
  const network = new MemoryNetwork(runtime);
  let servers = 0;
  return {
    runtime,
    serve: async (sessions, address = `server-${++servers}`) => {
      const listener = network.listen(address, { sessions });
      return { address, kill: () => listener.close() };
    },
    dialer: (counter, hello) => new MemorySessionDialer(network, "client", runtime, counter, hello),
    deadAddress: async () => "nobody",
    until: (promise) => runtime.until(promise),
    pass: async (spanMs) => {
      runtime.advance(spanMs);
      await new Promise((resolve) => setImmediate(resolve));
    },
    close: () => {},
  };
}

sessionConformance("memory", memoryWorld);

function disturbed(seed = 1) {
  const runtime = new FakeRuntime(seed);
  const network = new MemoryNetwork(runtime, () => 0.1 + runtime.random.unit());
  const counter = new TestCounter(1);
  network.listen("server", { sessions: serviceOf({}) });
  const dialer = new MemorySessionDialer(network, "client", runtime, counter, () => ({
    clusterId: "here",
    node: 0,
    version: "",
  }));
  return { runtime, network, session: dialer.session("server") };
}

test("a peer that answers nothing is given up, though every call to it ends sooner than that takes", async () => {
  const { runtime, network, session } = disturbed();
  await runtime.until(session.call(1, readOf("/a"), 1000));
  network.link("server", "client").cut = true;
  const startMs = runtime.clock.monotonicMs();
  while (session.state !== "unreachable" && runtime.clock.monotonicMs() < startMs + 3 * SESSION_STALL_MS)
    expect(await runtime.until(session.call(1, readOf("/a"), 1500).then(() => "answered", codeOf))).toBe("NODE_SILENT");
  expect(runtime.clock.monotonicMs() - startMs).toBeLessThan(SESSION_STALL_MS + 2_000);
  expect(session.state).toBe("unreachable");
});

test("a peer that is cut off is silent, then given up, and found again when the cut heals", async () => {
  const { runtime, network, session } = disturbed();
  await runtime.until(session.call(1, readOf("/a"), 1000));
  network.setCut("client", "server", true);
  const call = session.call(1, readOf("/a"), 60_000);
  const outcome = call.catch(codeOf);
  runtime.advance(SILENT_MS - 20);
  expect(session.state).toBe("ready");
  runtime.advance(150);
  expect(session.state).toBe("silent");
  runtime.advance(SESSION_STALL_MS + 200);
  expect(session.state).not.toBe("ready");
  expect(await outcome).toBe("NODE_SILENT");
  runtime.advance(10_000);
  expect(session.state).toBe("unreachable");
  network.setCut("client", "server", false);
  runtime.advance(4_000);
  expect(session.state).toBe("ready");
  await runtime.until(session.call(1, readOf("/a"), 1000));
});

test("lost, doubled and reordered batches leave every call either answered rightly or silent, the same way for the same seed", async () => {
  const outcomesOf = async (seed: number): Promise<string[]> => {
    const { runtime, network, session } = disturbed(seed);
    for (const link of [network.link("client", "server"), network.link("server", "client")]) {
      link.dropShare = 0.2;
      link.duplicateShare = 0.2;
    }
    const outcomes: string[] = [];
    for (let index = 0; index < 100; index += 1) {
      const call = session.call(1, readOf(`/${index}`), 500);
      outcomes.push(
        await runtime.until(
          call.then(
            ({ held }) => Buffer.from(held?.content ?? []).toString(),
            (error) => String(codeOf(error)),
          ),
        ),
      );
    }
    return outcomes;
  };
  const outcomes = await outcomesOf(3);
  for (const [index, outcome] of outcomes.entries()) expect([`/${index}`, "NODE_SILENT", "NODE_UNREACHABLE"]).toContain(outcome);
  expect(outcomes.filter((outcome) => outcome.startsWith("/")).length).toBeGreaterThan(20);
  expect(await outcomesOf(3)).toEqual(outcomes);
  expect(await outcomesOf(4)).not.toEqual(outcomes);
});

test("an address where nobody answers is dialled while somebody wants it, then left alone, then dialled again", () => {
  const runtime = new FakeRuntime(3);
  let dials = 0;
  const pool = new SessionPool({
    runtime,
    counter: new TestCounter(1),
    hello: () => ({ clusterId: "here", node: 0, version: "" }),
    dial: (_, { ended }) => {
      dials += 1;
      runtime.timers.soon(() => ended(new QdfsError("NODE_UNREACHABLE", "connection refused")));
      return { write: () => true, close: () => undefined };
    },
  });
  const dialsWithin = (spanMs: number, each: () => unknown) => {
    const before = dials;
    for (let passedMs = 0; passedMs < spanMs; passedMs += 1_000) {
      each();
      runtime.advance(1_000);
    }
    return dials - before;
  };
  void pool.session("gone", 7).call(1, readOf("/a"), 1000).catch(codeOf);
  expect(dialsWithin(600_000, () => pool.session("gone", 7).state)).toBeGreaterThan(500);
  dialsWithin(70_000, () => undefined);
  expect(dialsWithin(600_000, () => undefined)).toBe(0);
  void pool.session("gone", 7).call(1, readOf("/a"), 1000).catch(codeOf);
  expect(dialsWithin(10_000, () => undefined)).toBeGreaterThan(5);
});
