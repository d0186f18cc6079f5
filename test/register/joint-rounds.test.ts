import { expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { ABSENT } from "../../src/register/ballot.ts";
import { prepare } from "../../src/register/proposer.ts";
import { readRegister } from "../../src/register/reader.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type { AnswerBody } from "../../src/wire/messages.ts";
import { ballot, someBytes, testHead, testVersion } from "../client/fakes.ts";

// 1 and 3 would do for both sets. Without 3 it takes 2 for the one and 4 for the other.
const configuration = {
  number: 2,
  sets: [
    { nodes: [1, 2, 3], w: 2, r: 2 },
    { nodes: [1, 3, 4], w: 2, r: 2 },
  ],
};
const order = [1, 3, 4, 2];
const NO_BYTES = new Uint8Array(0);

function answering(asked: number[], answer: AnswerBody) {
  return async (node: number): Promise<AnswerBody> => {
    asked.push(node);
    if (node === 3) throw new QdfsError("NODE_UNREACHABLE", "connection refused");
    return answer;
  };
}

test("one replica that fails is made up for in both sets of a joint configuration, with no hedge left: phase 1", async () => {
  const asked: number[] = [];
  const answer = { promised: { ballot: ABSENT, head: NO_BYTES, chosen: true, forgotten: 0 } };
  const replicas = {
    call: answering(asked, answer),
    inOrder: () => order,
    hedging: () => ({ afterMs: 1, mayReplace: () => false }),
  };
  const runtime = new FakeRuntime();
  const round = { path: "/f", configuration, ballot: ballot(9), replicas: order };
  const prepared = await runtime.until(prepare(round, replicas, runtime.timers));
  expect(prepared.kind).toBe("promised");
  expect(asked).toEqual(order);
});

test("one replica that fails is made up for in both sets of a joint configuration, with no hedge left: a read", async () => {
  const asked: number[] = [];
  const runtime = new FakeRuntime();
  const { timers, clock } = runtime;
  const read = await runtime.until(
    readRegister({
      path: "/f",
      configuration,
      want: "head",
      version: 0,
      stale: () => {},
      order,
      pace: { hedgeMs: 1, mayReplace: () => false, answered: () => undefined, overdue: () => undefined },
      call: answering(asked, {
        held: { ballot: ABSENT, head: NO_BYTES, chosen: true, content: NO_BYTES, contentHeld: false },
      }),
      settle: async () => {
        throw new QdfsError("QUORUM_UNAVAILABLE", "nothing is to be settled");
      },
      timers,
      clock,
      budgetMs: 10_000,
    }),
  );
  expect(read.head).toBeUndefined();
  expect(asked).toEqual(order);
});

test("promises that may have been given before and after an erasing are in doubt, and so is what cannot be read beside one", async () => {
  const live = headCodec.encode(testHead(testVersion(3, someBytes(8))));
  const deleted = headCodec.encode(testHead(testVersion(3, someBytes(8), { tombstone: true })));
  const inDoubt = async (head: Uint8Array, forgotten: number): Promise<boolean | undefined> => {
    const shown = { promised: { ballot: ballot(5), head, chosen: true, forgotten } };
    const nothing = { promised: { ballot: ABSENT, head: NO_BYTES, chosen: true, forgotten } };
    const replicas = {
      call: async (node: number): Promise<AnswerBody> => (node === 1 ? shown : nothing),
      inOrder: () => [1, 2, 3],
      hedging: () => ({ afterMs: 1, mayReplace: () => false }),
    };
    const runtime = new FakeRuntime();
    const majority = { number: 1, sets: [{ nodes: [1, 2, 3], w: 2, r: 2 }] };
    const round = { path: "/f", configuration: majority, ballot: ballot(9), replicas: [1, 2, 3] };
    const prepared = await runtime.until(prepare(round, replicas, runtime.timers));
    return prepared.kind === "promised" ? prepared.inDoubt : undefined;
  };
  expect([await inDoubt(live, 3), await inDoubt(live, 2), await inDoubt(live, 0)]).toEqual([true, false, false]);
  expect([await inDoubt(deleted, 9), await inDoubt(Uint8Array.of(255), 1)]).toEqual([true, true]);
});
