/** Both ends of a session, and the logic behind each, against a peer that says anything. */
import { beforeAll, describe, expect } from "bun:test";
import fc from "fast-check";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { QdfsError } from "../../src/base/errors.ts";
import type { Client } from "../../src/client/client.ts";
import { HeardCounter } from "../../src/register/heard-counter.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { BatchedSession } from "../../src/transport/batched-session.ts";
import { ServedSession } from "../../src/transport/served-session.ts";
import type { ServerWire, WireEvents } from "../../src/transport/wire.ts";
import { batchCodec } from "../../src/wire/codec.ts";
import { errorOf } from "../../src/wire/failure.ts";
import { type AnswerBody, type Batch, type RequestBody, Want } from "../../src/wire/messages.ts";
import { collect, testCluster } from "../client/fakes.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";
import { fuzzing, outcomeOf, outcomeOfPromise } from "./fuzz.ts";
import { anyFields, anyMessage, changedBytes, encodePlainly, SENSIBLE } from "./messages.ts";

const fuzz = fuzzing(import.meta.path);
beforeAll(() => warmUpChecksums(8));

const HELLO = encodePlainly("Batch", { counter: 1, hello: { clusterId: "", node: 0, version: "0" } });
const batch = anyMessage("Batch", SENSIBLE);
const anyBatch = fc.oneof(
  { weight: 6, arbitrary: batch },
  { weight: 2, arbitrary: changedBytes(batch) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
);

describe("the serving end", () => {
  /** A wire that notes what is written to it. */
  class NotingWire implements ServerWire {
    readonly batches: Batch[] = [];
    ended: { readonly error: QdfsError | undefined } | undefined;

    write(bytes: Buffer): boolean {
      this.batches.push(batchCodec.decode(bytes));
      return true;
    }
    end(error?: QdfsError): void {
      this.ended = { error };
    }
    pause(): void {}
    resume(): void {}
  }

  fuzz(
    "a DataNode answers each request once or ends the session, and serves on",
    fc.array(anyBatch, { minLength: 1, maxLength: 6 }),
    async (messages) => {
      const cluster = new MemoryCluster();
      const client = await cluster.client();
      await cluster.until(client.put("/f0", new TextEncoder().encode("one")));
      const { node } = cluster.member(1);
      const wire = new NotingWire();
      const session = new ServedSession(cluster.runtime, wire, {
        handler: node,
        hello: () => node.greeting(),
        counter: node.counter,
      });
      const asked: number[] = [];
      for (const bytes of [HELLO, ...messages]) {
        if (wire.ended === undefined) asked.push(...idsIn(bytes));
        session.received(Buffer.from(bytes));
        cluster.runtime.advance(5);
      }
      cluster.runtime.advance(40_000);
      const answered = wire.batches.flatMap(({ answers = [] }) => answers.map(({ id }) => id));
      expect(cluster.fatal).toEqual([]);
      expect(cluster.runtime.lines.filter((line) => line.includes("bug of ours"))).toEqual([]);
      if (wire.ended === undefined) expect(answered.sort()).toEqual(asked.sort());
      else for (const id of answered) expect(asked).toContain(id);
      await cluster.until(client.put("/untouched", new TextEncoder().encode("two")));
      expect(new TextDecoder().decode((await cluster.until(client.read("/untouched"))).bytes)).toBe("two");
    },
    { runs: 40 },
  );

  function idsIn(bytes: Uint8Array): number[] {
    const outcome = outcomeOf(() => batchCodec.decode(Buffer.from(bytes)));
    return "value" in outcome ? (outcome.value.requests ?? []).map(({ id }) => id) : [];
  }
});

describe("the dialling end", () => {
  const arrival = fc.record({
    afterMs: fc.nat(300),
    bytes: anyBatch,
    ends: fc.integer({ min: 0, max: 9 }).map((chance) => chance === 0),
  });

  fuzz(
    "every call ends in time, whatever the server sends",
    fc.tuple(fc.array(arrival, { maxLength: 8 }), fc.array(fc.nat(1_000), { minLength: 1, maxLength: 5 })),
    async ([arrivals, timeouts]) => {
      const runtime = new FakeRuntime();
      let events: WireEvents | undefined;
      const dial = (_: string, told: WireEvents) => {
        events = told;
        return { write: () => true, close: () => {} };
      };
      const hello = () => ({ clusterId: "", node: 0, version: "0" });
      const session = new BatchedSession("peer:1", undefined, { runtime, counter: new HeardCounter(), hello, dial }, () => {});
      const body: RequestBody = { read: { path: "/f", want: Want.HEAD, version: 0 } };
      const ends = timeouts.map((timeoutMs) => outcomeOfPromise(session.call(1, body, timeoutMs)));
      for (const { afterMs, bytes, ends: last } of arrivals) {
        runtime.advance(afterMs);
        events?.received(Buffer.from(bytes));
        if (last) events?.ended(new QdfsError("NODE_UNREACHABLE", "connection lost"));
      }
      await runtime.until(Promise.all(ends), 10_000);
      session.close();
    },
    { runs: 150 },
  );
});

describe("a client of three DataNodes that answer anything", () => {
  const answer = fc
    .oneof(anyFields("Answer", SENSIBLE), ...["Held", "Mutated", "Fetched", "Settled", "Failure"].map(bodyOf))
    .map((fields) => encodePlainly("Batch", { answers: [{ ...fields, id: 1 }] }));

  /** An answer of the one kind that was perhaps asked for. */
  function bodyOf(name: string): fc.Arbitrary<object> {
    const field = name.toLowerCase();
    return anyFields(name, SENSIBLE).map((fields) => ({ [field]: fields }));
  }

  /** As a session gives it to the caller. */
  function told(bytes: Uint8Array): AnswerBody | QdfsError {
    const outcome = outcomeOf(() => batchCodec.decode(Buffer.from(bytes)));
    const [first] = "value" in outcome ? (outcome.value.answers ?? []) : [];
    if (first === undefined) return new QdfsError("NODE_SILENT", "the session broke");
    return first.failure ? errorOf(first.failure) : first;
  }

  const OPERATIONS: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
    put: (client) => client.put("/f0", new Uint8Array(3)),
    "put in chunks": (client) => client.put("/f0", new Uint8Array(2_500)),
    "put if absent": (client) => client.put("/f0", new Uint8Array(3), { ifAbsent: true, ack: 3 }),
    get: async (client) => collect((await client.get("/f0", { range: { start: 1, end: 2 } })).body),
    read: (client) => client.read("/f0"),
    "read one version": (client) => client.read("/f0", { version: 2 }),
    "read eventually": (client) => client.read("/f0", { consistency: "eventual" }),
    stat: (client) => client.stat("/f0"),
    versions: (client) => client.versions("/f0"),
    restore: (client) => client.restore("/f0", 1),
    remove: (client) => client.remove("/f0"),
    copy: (client) => client.copy("/f0", "/f1"),
    move: (client) => client.move("/f0", "/f1"),
    "explain get": (client) => client.explain("get", "/f0"),
    "explain put": (client) => client.explain("put", "/f0"),
  };

  fuzz(
    "every operation ends with a result or a coded failure",
    fc.tuple(fc.constantFrom(...Object.keys(OPERATIONS)), fc.array(answer, { minLength: 1, maxLength: 12 })),
    async ([name, answers]) => {
      const c = testCluster();
      let next = 0;
      for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => told(answers[next++ % answers.length] ?? HELLO));
      const client = await c.client({ timeoutMs: 2_000 });
      await c.run(outcomeOfPromise(OPERATIONS[name]?.(client) ?? Promise.resolve()));
    },
    { runs: 200 },
  );
});
