/** The control plane from both sides, and a SuperNode whose DataNodes say anything. */
import { afterAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { QdfsError } from "../../src/base/errors.ts";
import { checkedMap } from "../../src/cluster/check-map.ts";
import { SqliteCatalogueStore } from "../../src/storage/catalogue-store.ts";
import { calledApi, servedMethods } from "../../src/transport/control-methods.ts";
import { batchCodec } from "../../src/wire/codec.ts";
import { errorOf } from "../../src/wire/failure.ts";
import { type AnswerBody, type ClusterMap, ListKind } from "../../src/wire/messages.ts";
import { joinRequest, ScriptedCluster } from "../supernode/scripted-cluster.ts";
import { fuzzing, outcomeOf, outcomeOfPromise } from "./fuzz.ts";
import { anyFields, anyMessage, changedBytes, encodePlainly, type Hints, SENSIBLE } from "./messages.ts";
import { anyText } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const root = mkdtempSync(join(tmpdir(), "qdfs-fuzz-super-"));
afterAll(() => rmSync(root, { recursive: true }));

const LIST = { prefix: "/", recursive: true, node: 0, limit: 0, after: "", eventual: false, kind: ListKind.FILES };

describe("a SuperNode", () => {
  /** Values that a member of the cluster might say. */
  const MEMBERLY: Hints = {
    fields: {
      clusterId: fc.oneof({ weight: 3, arbitrary: fc.constant("") }, { weight: 1, arbitrary: anyText }),
      number: fc.oneof({ weight: 3, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.nat() }),
      diskId: fc.oneof(
        fc.nat(4).map((number) => `disk${number}`),
        anyText,
      ),
      grpc: fc.oneof(
        fc.nat(4).map((number) => `node:${number}`),
        anyText,
      ),
      prefix: fc.oneof(fc.constantFrom("/", "/d", "/f0"), anyText),
      after: fc.oneof(fc.constantFrom("", "/", "/f0"), anyText),
    },
  };
  const METHODS = ["Join", "Heartbeat", "List", "Usage", "Status", "GetMap"] as const;
  const call = fc.constantFrom(...METHODS).chain((method) => {
    const request = anyMessage(`${method}Request`, MEMBERLY);
    return fc.record({
      method: fc.constant(method),
      bytes: fc.oneof(request, request, changedBytes(request), fc.uint8Array({ maxLength: 40 })),
    });
  });

  fuzz(
    "answers every call, or refuses it with a code, and goes on",
    fc.array(call, { minLength: 1, maxLength: 8 }),
    async (calls) => {
      const cluster = await ScriptedCluster.of(3);
      const methods = servedMethods(cluster.superNode);
      for (const { method, bytes } of calls) {
        const served = methods.find(({ path }) => path.endsWith(`/${method}`));
        await cluster.until(outcomeOfPromise(served?.run(bytes) ?? Promise.reject(new Error(method))));
        cluster.runtime.advance(200);
      }
      checkedMap(cluster.superNode.map);
      await cluster.join(cluster.addNode("node:new"));
      await cluster.until(cluster.superNode.status({ eventual: true }));
      cluster.superNode.stop();
    },
    { runs: 80 },
  );

  /** What a change log may say, not far from what it should. */
  const LOGGED: Hints = {
    fields: {
      ...SENSIBLE.fields,
      diskId: fc.constant("disk1"),
      sequence: fc.nat(20),
      current: fc.oneof(fc.nat(20), fc.maxSafeNat()),
      through: fc.oneof(fc.nat(20), fc.maxSafeNat()),
    },
  };
  const answer = fc
    .oneof(
      ...["changes:ChangeBatch", "sequence:SequenceAt", "held:Held", "settled:Settled", "failure:Failure"].map((named) => {
        const [field = "", type = ""] = named.split(":");
        return anyFields(type, LOGGED).map((fields) => ({ [field]: fields }));
      }),
      anyFields("Answer", LOGGED),
    )
    .map((fields) => encodePlainly("Batch", { answers: [{ ...fields, id: 1 }] }));

  function told(bytes: Uint8Array | undefined): AnswerBody {
    const outcome = outcomeOf(() => batchCodec.decode(Buffer.from(bytes ?? [])));
    const [first] = "value" in outcome ? (outcome.value.answers ?? []) : [];
    if (first === undefined) throw new QdfsError("NODE_SILENT", "the session broke");
    if (first.failure) throw errorOf(first.failure);
    return first;
  }

  let serial = 0;

  fuzz(
    "lists on, whatever a DataNode's change log says",
    fc.array(answer, { minLength: 1, maxLength: 12 }),
    async (answers) => {
      const cluster = await ScriptedCluster.of(3);
      const store = SqliteCatalogueStore.open(join(root, `${++serial}.db`));
      cluster.catalogue = store;
      cluster.restart();
      const liar = cluster.node(1);
      let next = 0;
      liar.answer = async () => told(answers[next++ % answers.length]);
      liar.onSettle = () => told(answers[next++ % answers.length]);
      cluster.runtime.advance(3_000);
      const { superNode } = cluster;
      for (const kind of [ListKind.FILES, ListKind.TRASH]) {
        for (const eventual of [true, false]) await cluster.until(outcomeOfPromise(superNode.list({ ...LIST, kind, eventual })));
      }
      await cluster.until(outcomeOfPromise(superNode.usage({ prefix: "/" })));
      await cluster.until(superNode.status({ eventual: true }));
      superNode.metrics();
      superNode.stop();
      store.close();
    },
    { runs: 25 },
  );
});

describe("a caller of the control plane", () => {
  const replies = fc.constantFrom("MapReply", "JoinReply", "HeartbeatReply", "ListReply", "UsageReply", "StatusReply");
  const reply = replies.chain((name) =>
    fc.oneof(anyMessage(name), changedBytes(anyMessage(name)), fc.uint8Array({ maxLength: 40 })),
  );

  fuzz("gets an answer that can be gone by, or a code", reply, async (bytes) => {
    const api = calledApi(async () => bytes);
    const node = joinRequest({ number: 1, diskId: "d", grpc: "g:1" });
    for (const call of [api.getMap(), api.join(node)]) {
      const outcome = await outcomeOfPromise<{ readonly map: ClusterMap }>(call);
      if ("value" in outcome) expect(checkedMap(outcome.value.map)).toBe(outcome.value.map);
    }
    const others: readonly Promise<unknown>[] = [api.list(LIST), api.usage({ prefix: "/" }), api.status({ eventual: true })];
    for (const call of others) await outcomeOfPromise(call);
  });
});
