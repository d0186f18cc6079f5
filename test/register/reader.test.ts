import { describe, expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { replicasOf } from "../../src/cluster/map.ts";
import { QUORUM_PATIENCE_MS, READ_HEDGE_MS } from "../../src/limits.ts";
import { ABSENT } from "../../src/register/ballot.ts";
import { type ReadPace, type RegisterRead, readRegister } from "../../src/register/reader.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type { AnswerBody, Configuration } from "../../src/wire/messages.ts";
import { ballot, held, someBytes, testHead, testVersion } from "../client/fakes.ts";

const HEDGE_MS = 3;
const NO_BYTES = new Uint8Array(0);
const head = testHead(testVersion(1, someBytes(8)));
const chosen = held(head, undefined);

interface Scene {
  /** By node; a node that is not here does not answer. */
  readonly answers: Readonly<Record<number, AnswerBody>>;
  /** What they answer when they are asked again. */
  readonly later?: Readonly<Record<number, AnswerBody | undefined>>;
  readonly silent?: readonly number[];
  /** Hedges that may be sent. */
  readonly budget?: number;
  /** (3, 2, 2), of number 1, if it is not said. */
  readonly configuration?: Configuration;
}

const MAJORITY: Configuration = { number: 1, sets: [{ nodes: [1, 2, 3], w: 2, r: 2 }] };

function read({ answers, later = answers, silent = [], budget = 0, configuration = MAJORITY }: Scene) {
  const runtime = new FakeRuntime();
  const { timers, clock } = runtime;
  const asked: { readonly node: number; readonly atMs: number }[] = [];
  const observed: string[] = [];
  let left = budget;
  let settles = 0;
  const pace: ReadPace = {
    hedgeMs: HEDGE_MS,
    mayReplace: (late) => late.some((node) => silent.includes(node)) || left-- > 0,
    answered: (node, tookMs) => void observed.push(`${node} answered after ${tookMs}`),
    overdue: (node, tookMs) => void observed.push(`${node} overdue after ${tookMs}`),
  };
  const call = (node: number, _: unknown, timeoutMs: number): Promise<AnswerBody> =>
    new Promise((resolve, reject) => {
      const answer = (asked.some((before) => before.node === node) ? later : answers)[node];
      asked.push({ node, atMs: clock.monotonicMs() });
      if (answer !== undefined) timers.after(1, () => resolve(answer));
      else timers.after(timeoutMs, () => reject(new QdfsError("NODE_SILENT", "timed out")));
    });
  const done = readRegister({
    path: "/f",
    configuration,
    want: "head",
    version: 0,
    order: replicasOf(configuration),
    pace,
    stale: () => undefined,
    call,
    settle: async () => {
      settles += 1;
      return { ballot: ballot(9), head: headCodec.encode(head) };
    },
    timers,
    clock,
    budgetMs: 10_000,
  });
  const run = async (): Promise<{ readonly result: RegisterRead; readonly tookMs: number }> => {
    const result = await runtime.until(done);
    return { result, tookMs: clock.monotonicMs() };
  };
  return { run, asked, observed, settles: () => settles };
}

describe("a read with a replica that does not answer", () => {
  test("asks one more after the hedging delay, if the budget has a hedge left", async () => {
    const { run, asked, observed } = read({ answers: { 1: chosen, 3: chosen }, budget: 1 });
    expect((await run()).tookMs).toBe(HEDGE_MS + 1);
    expect(asked).toEqual([
      { node: 1, atMs: 0 },
      { node: 2, atMs: 0 },
      { node: 3, atMs: HEDGE_MS },
    ]);
    expect(observed).toEqual(["1 answered after 1", "2 overdue after 3", "3 answered after 1"]);
  });

  test("waits with an empty budget, for the replica may just be busy", async () => {
    const { run } = read({ answers: { 1: chosen, 3: chosen } });
    expect((await run()).tookMs).toBe(QUORUM_PATIENCE_MS + 1);
  });

  test("asks one more with an empty budget when the replica gives no sign of life", async () => {
    const { run } = read({ answers: { 1: chosen, 3: chosen }, silent: [2] });
    expect((await run()).tookMs).toBe(HEDGE_MS + 1);
  });

  test("has the file settled when R answers decide nothing and the last replica is late", async () => {
    const undecided = { 1: held(head, undefined, 5, false), 2: held(head, undefined, 4, false) };
    const hedged = read({ answers: undecided, budget: 1 });
    expect((await hedged.run()).result.settled).toBe(true);
    expect((await hedged.run()).tookMs).toBe(HEDGE_MS);
    expect(hedged.settles()).toBe(1);
    const later = read({ answers: undecided, silent: [3] });
    expect((await later.run()).tookMs).toBeLessThanOrEqual(READ_HEDGE_MS);
  });
});

describe("a read after the quorum has changed", () => {
  // W=4 R=2 until configuration 1; the joint one was 2. Node 5 holds a ballot above 5, whose promises came from 3 and 4.
  const wide: Configuration = { number: 3, sets: [{ nodes: [1, 2, 3, 4, 5], w: 2, r: 4 }] };
  const nothing: AnswerBody = { held: { ballot: ABSENT, head: NO_BYTES, chosen: true, content: NO_BYTES, contentHeld: false } };

  test("does not take N-R+1 holders of a ballot from before the change for a decision", async () => {
    const m = held(head, undefined, 5, false);
    const { run, settles } = read({
      answers: { 1: m, 2: m, 3: nothing, 4: nothing },
      configuration: wide,
      silent: [5],
      budget: 1,
    });
    expect((await run()).result.settled).toBe(true);
    expect(settles()).toBe(1);
  });

  test("takes them where the ballot is of the joint configuration, or known chosen", async () => {
    const joint = held(head, undefined, 5, false);
    if (joint.held) Object.assign(joint.held.ballot, { configuration: 2 });
    for (const m of [joint, chosen]) {
      const { run } = read({ answers: { 1: m, 2: m, 3: nothing, 4: nothing }, configuration: wide });
      expect((await run()).result.settled).toBe(false);
    }
  });
});

describe("a read beside an erasing", () => {
  const holdsNothing = (forgotten: number): AnswerBody => ({
    held: { ballot: ABSENT, head: NO_BYTES, chosen: true, content: NO_BYTES, contentHeld: false, forgotten },
  });

  test("asks who shows a value again, though it is known chosen: what followed it may have been erased since", async () => {
    const answers: Record<number, AnswerBody> = { 1: chosen, 2: holdsNothing(1) };
    const held = await read({ answers }).run();
    expect([held.result.settled, held.result.node, held.result.behind, held.tookMs]).toEqual([false, 1, [2], 2]);
    const erased = read({ answers, later: { 1: holdsNothing(1) } });
    expect((await erased.run()).result.settled).toBe(true);
    expect(erased.settles()).toBe(1);
    const silent = read({ answers, later: { 1: undefined } });
    expect((await silent.run()).result.settled).toBe(true);
  });

  test("returns at once what is newer than all that was erased", async () => {
    for (const [shown, forgotten] of [
      [chosen, 0] as const,
      [held(testHead(testVersion(7, someBytes(8))), undefined), 6] as const,
    ]) {
      expect((await read({ answers: { 1: shown, 2: holdsNothing(forgotten) } }).run()).tookMs).toBe(1);
    }
  });
});
