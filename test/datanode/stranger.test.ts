/** What strangers send through the wire must not bring a DataNode down, nor stay behind as something that cannot be read. */
import { beforeAll, describe, expect, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { CHUNKS_MAX, DATE_MS_MAX } from "../../src/limits.ts";
import { batchCodec, headCodec } from "../../src/wire/codec.ts";
import type { AnswerBody, RequestBody } from "../../src/wire/messages.ts";
import { testVersion } from "../client/fakes.ts";
import { MemoryCluster } from "./memory-cluster.ts";

beforeAll(() => warmUpChecksums(8));

/** Delivers one message as a session would, decoded from its bytes. */
function deliver(cluster: MemoryCluster, body: RequestBody): AnswerBody {
  const [request] =
    batchCodec.decode(batchCodec.encode({ counter: 1, requests: [{ id: 1, configuration: 1, ...body }] })).requests ?? [];
  if (request === undefined) throw new Error("a request");
  let answered: AnswerBody | undefined;
  cluster.member(1).node.request(request, (answer) => {
    answered = answer;
  });
  cluster.runtime.advance(100);
  if (answered === undefined) throw new Error("no answer");
  return answered;
}

describe("a stranger", () => {
  test("cannot store a head that does not decode, a proposal without a ballot, or a path that is not normalised", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/x", new TextEncoder().encode("one")));
    const garbage = Uint8Array.of(255, 255, 255);
    const ballot = { configuration: 1, counter: 99, node: 3 };
    const accept = { path: "/x", ballot, head: garbage, content: garbage, random: "0".repeat(16), inline: true };
    for (const body of [
      { accept },
      { accept: { ...accept, path: "/a/../b" } },
      { accept: { ...accept, ballot: { configuration: 1, counter: 0, node: 0 } } },
      { prepare: { path: "/x", ballot: { configuration: 7, counter: 99, node: 3 } } },
    ]) {
      expect(["BAD_REQUEST", "BAD_PATH", "CONFIGURATION_STALE"]).toContain(deliver(cluster, body).failure?.code ?? "accepted");
    }
    const { bytes } = await cluster.until(client.read("/x"));
    expect(new TextDecoder().decode(bytes)).toBe("one");
    expect(cluster.fatal).toEqual([]);
  });

  test("cannot have a ballot promised along with an accept that is not above it (P7)", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/x", new TextEncoder().encode("one")));
    const held = cluster.member(1).store.register("/x");
    if (held === undefined) throw new Error("it was stored");
    const { random } = headCodec.decode(held.head).current.operation;
    const { configuration, counter } = held.ballot;
    const ballot = { configuration, counter: counter + 5, node: 3 };
    const accept = { path: "/x", ballot, head: held.head, content: new TextEncoder().encode("one"), random, inline: true };
    const answer = (next: number) => deliver(cluster, { accept: { ...accept, next } });
    expect([answer(counter + 5), answer(counter)].map(({ failure }) => failure?.code)).toEqual(["BAD_REQUEST", "BAD_REQUEST"]);
    expect(answer(counter + 6)).toMatchObject({ accepted: {} });
  });

  test("cannot store a time that no date can show", async () => {
    const cluster = new MemoryCluster();
    await cluster.client();
    const content = new TextEncoder().encode("x");
    const put = (modifiedAtMs: number) => ({
      path: "/x",
      operation: { stamp: 1, random: "0123456789abcdef" },
      attempt: 1,
      budgetMs: 1_000,
      ack: 0,
      put: { version: testVersion(0, content, { modifiedAtMs }), content },
    });
    expect(deliver(cluster, { mutate: put(DATE_MS_MAX + 2) }).failure?.code).toBe("BAD_REQUEST");
    expect(deliver(cluster, { mutate: put(DATE_MS_MAX) }).failure?.code).not.toBe("BAD_REQUEST");
  });

  test("cannot have more chunks looked up than a version has", () => {
    const cluster = new MemoryCluster();
    const confirm = (count: number) => ({
      path: "/x",
      upload: "0".repeat(16),
      indexes: Array<number>(count).fill(1),
      configurations: Array<number>(count).fill(1),
    });
    expect(deliver(cluster, { confirm: confirm(CHUNKS_MAX) }).confirmed?.missing).toHaveLength(CHUNKS_MAX);
    expect(deliver(cluster, { confirm: confirm(CHUNKS_MAX + 1) }).failure?.code).toBe("BAD_REQUEST");
  });

  test("cannot claim a stamp that no counter has reached", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/x", new TextEncoder().encode("one")));
    const remove = { writtenAtMs: 1, by: "stranger" };
    const operation = { stamp: 2 ** 50, random: "0".repeat(16) };
    const answer = deliver(cluster, { mutate: { path: "/x", operation, attempt: 1, budgetMs: 1000, ack: 0, remove } });
    expect(answer.failure?.code).toBe("BAD_REQUEST");
  });
});
