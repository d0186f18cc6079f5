import { describe, expect, test } from "bun:test";
import { Replica } from "../../src/datanode/replica.ts";
import { REPLICA_INBOX_BYTES_MAX } from "../../src/limits.ts";
import { ABSENT, sameBallot } from "../../src/register/ballot.ts";
import { BallotCounter } from "../../src/register/counter.ts";
import { absentHead, decide } from "../../src/register/head.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { MemoryNodeStore, type MemoryNodeStoreOptions } from "../../src/storage/memory-node-store.ts";
import { headCodec } from "../../src/wire/codec.ts";
import { type AnswerBody, type Ballot, type RequestBody, Want } from "../../src/wire/messages.ts";
import { MAP } from "../conformance/node-store.ts";

const COMMIT_MS = 5;
const ballot = (counter: number, node = 1): Ballot => ({ configuration: 1, counter, node });

class Bench {
  readonly runtime = new FakeRuntime();
  readonly store: MemoryNodeStore;
  readonly counter: BallotCounter;
  readonly replica: Replica;
  commits = 0;
  /** In force for every file. */
  configuration = 1;

  constructor(options: Pick<MemoryNodeStoreOptions, "bytesMax"> = {}, from?: MemoryNodeStore) {
    this.store =
      from ??
      new MemoryNodeStore({
        timers: this.runtime.timers,
        commitMs: () => {
          this.commits += 1;
          return COMMIT_MS;
        },
        ...options,
      });
    this.counter = new BallotCounter(this.store.ceiling());
    this.replica = new Replica(
      this.runtime,
      this.store,
      this.counter,
      (error) => {
        throw error;
      },
      { numberOf: () => this.configuration, numberOfPartition: () => this.configuration, partitionOf: () => 0 },
    );
    void this.replica.write({ ceiling: this.counter.ceilingFor(this.counter.ceiling) });
    this.runtime.runUntilIdle();
    this.commits = 0;
  }

  /** Submits, and gives what was answered so far whenever it is looked at. */
  ask(body: RequestBody): { answer: AnswerBody | undefined } {
    const asked: { answer: AnswerBody | undefined } = { answer: undefined };
    this.replica.submit(body, (answer) => {
      expect(asked.answer).toBeUndefined();
      asked.answer = answer;
    });
    return asked;
  }

  now(body: RequestBody): AnswerBody {
    const asked = this.ask(body);
    this.runtime.runUntilIdle();
    if (asked.answer === undefined) throw new Error("no answer");
    return asked.answer;
  }
}

let drawn = 0;
function accept(path: string, at: Ballot, text = "x"): RequestBody {
  drawn += 1;
  const random = drawn.toString(16).padStart(16, "0");
  const content = new TextEncoder().encode(text);
  const { current } = absentHead(0);
  const put = { version: { ...current, tombstone: false, sizeBytes: content.length }, content };
  const decision = decide(absentHead(0), { path, operation: { stamp: 1, random }, attempt: 1, budgetMs: 1, ack: 0, put }, 10);
  if (decision.kind !== "changed") throw new Error(decision.kind);
  return { accept: { path, ballot: at, head: headCodec.encode(decision.head), content, random, inline: true } };
}

const prepare = (path: string, at: Ballot): RequestBody => ({ prepare: { path, ballot: at } });
const read = (path: string): RequestBody => ({ read: { path, want: Want.CONTENT, version: 0 } });

/** A removal on top of one put, by operations with these stamps. */
function removal(path: string, at: Ballot, stamps: readonly [number, number]): RequestBody {
  const [put, removed] = stamps.map((stamp) => ({ stamp, random: stamp.toString(16).padStart(16, "0") }));
  if (put === undefined || removed === undefined) throw new Error("two stamps");
  const { current } = absentHead(0);
  const some = { path, attempt: 1, budgetMs: 1, ack: 0 };
  const version = { ...current, tombstone: false };
  const made = decide(absentHead(0), { ...some, operation: put, put: { version, content: new Uint8Array(0) } }, 10);
  if (made.kind !== "changed") throw new Error(made.kind);
  const gone = decide(made.head, { ...some, operation: removed, remove: { writtenAtMs: 1, by: "" } }, 10);
  if (gone.kind !== "changed") throw new Error(gone.kind);
  const head = headCodec.encode(gone.head);
  return { accept: { path, ballot: at, head, content: new Uint8Array(0), random: removed.random, inline: false } };
}

describe("a replica that is to erase a tombstone (P14)", () => {
  const erase = (bench: Bench, path: string, at: Ballot, remove: boolean, forgotten = 0): boolean | undefined => {
    let answer: AnswerBody | undefined;
    bench.replica.erase({ path, ballot: at, forgotten, remove, configuration: 1 }, (body) => {
      answer = body;
    });
    bench.runtime.runUntilIdle();
    return answer?.erased?.ready;
  };

  test("is ready with exactly that tombstone, and erases it, leaving a floor and the newest stamp", () => {
    const bench = new Bench();
    bench.now(removal("/a", ballot(5), [40, 41]));
    expect([erase(bench, "/a", ballot(4), true), erase(bench, "/a", ballot(5), false)]).toEqual([false, true]);
    expect(bench.now(read("/a")).held?.ballot).toEqual(ballot(5)); // being ready changes nothing
    expect(erase(bench, "/a", ballot(5), true)).toBe(true);
    expect(bench.store.erasures()).toEqual(new Map([[0, { floor: ballot(5), forgotten: 41 }]]));
    expect(bench.now(removal("/a", ballot(5), [40, 41])).refused?.floor).toEqual(ballot(5)); // it was on its way
    expect(bench.now(prepare("/a", ballot(6))).promised).toMatchObject({ ballot: ABSENT, forgotten: 41 });
    expect(bench.now(read("/a")).held).toMatchObject({ ballot: ABSENT, forgotten: 41 });
  });

  test("is not ready with what is no tombstone, or newer", () => {
    const bench = new Bench();
    bench.now(accept("/a", ballot(5)));
    expect([erase(bench, "/a", ballot(5), true), erase(bench, "/a", ballot(4), true)]).toEqual([false, false]);
    expect(bench.now(read("/a")).held?.ballot).toEqual(ballot(5));
  });

  test("is ready with nothing, which it makes sure of first: it takes nothing older, and remembers what is forgotten", () => {
    const bench = new Bench();
    expect(erase(bench, "/a", ballot(5), false, 41)).toBe(true);
    expect(bench.now(accept("/a", ballot(4))).refused).toBeDefined();
    expect(bench.now(prepare("/a", ballot(6))).promised?.forgotten).toBe(41);
    expect(bench.store.erasures().get(0)).toEqual({ floor: ballot(5), forgotten: 41 });
  });

  test("decides behind an accept of that file that is being committed", () => {
    const bench = new Bench();
    bench.now(removal("/a", ballot(5), [40, 41]));
    bench.ask(accept("/a", ballot(6)));
    expect(erase(bench, "/a", ballot(5), true)).toBe(false);
    expect(bench.now(read("/a")).held?.ballot).toEqual(ballot(6));
  });
});

describe("replica", () => {
  test("answers an accept only when it is durable, and one fsync serves everyone who came together (I1)", () => {
    const bench = new Bench();
    const asked = Array.from({ length: 100 }, (_, i) => bench.ask(accept(`/f${i}`, ballot(1))));
    bench.runtime.advance(COMMIT_MS - 1);
    expect(asked.every(({ answer }) => answer === undefined)).toBe(true);
    bench.runtime.advance(1);
    expect(asked.every(({ answer }) => answer?.accepted)).toBe(true);
    expect(bench.commits).toBe(1);
  });

  test("a prepare that meets an uncommitted accept waits for the commit and shows its value (P1)", () => {
    const bench = new Bench();
    const accepted = bench.ask(accept("/a", ballot(1)));
    const prepared = bench.ask(prepare("/a", ballot(2, 2)));
    const read_ = bench.ask(read("/a"));
    bench.runtime.advance(COMMIT_MS - 1);
    expect([accepted.answer, prepared.answer, read_.answer]).toEqual([undefined, undefined, undefined]);
    bench.runtime.runUntilIdle();
    expect(prepared.answer?.promised?.ballot).toEqual(ballot(1));
    expect(read_.answer?.held).toMatchObject({ ballot: ballot(1), contentHeld: true });
  });

  test("reads of other files are not held up by a commit that is being staged", () => {
    const bench = new Bench();
    bench.now(accept("/old", ballot(1), "old"));
    bench.ask(accept("/new", ballot(2)));
    const other = bench.ask(read("/old"));
    bench.runtime.settle();
    expect(new TextDecoder().decode(other.answer?.held?.content)).toBe("old");
  });

  test("nothing promised or accepted before a crash is contradicted after it (I2)", () => {
    const before = new Bench();
    before.now(prepare("/a", ballot(7)));
    const lost = before.ask(accept("/a", ballot(7)));
    before.runtime.settle();
    before.store.crash();
    before.runtime.runUntilIdle();
    expect(lost.answer).toBeUndefined();

    const restarted = new Bench({}, before.store);
    expect(restarted.counter.ceilingAtStart).toBeGreaterThan(7);
    expect(restarted.store.register("/a")).toBeUndefined();
    const delayed = new Promise<AnswerBody>((resolve) => restarted.replica.submit(accept("/a", ballot(7)), resolve));
    restarted.runtime.runUntilIdle();
    before.runtime.runUntilIdle();
    return delayed.then((answer) => expect(answer.refused).toBeTruthy());
  });

  test("a prepare at or above the ceiling is answered after the ceiling was raised on disk (P3)", () => {
    const bench = new Bench();
    const { ceiling } = bench.counter;
    const asked = bench.ask(prepare("/a", ballot(ceiling + 10)));
    bench.runtime.advance(COMMIT_MS - 1);
    expect(asked.answer).toBeUndefined();
    bench.runtime.advance(1);
    expect(asked.answer?.promised).toBeTruthy();
    expect(bench.store.ceiling()).toBeGreaterThan(ceiling + 10);
  });

  test("an accept that promises a ballot above the ceiling raises it on disk with its own commit (P3, P7)", () => {
    const bench = new Bench();
    const next = bench.counter.ceiling + 5;
    const { accept: body } = accept("/a", ballot(1));
    if (!body) throw new Error("it is an accept");
    expect(bench.now({ accept: { ...body, next } })).toMatchObject({ accepted: {} });
    expect([bench.commits, bench.store.ceiling() > next]).toEqual([1, true]);
    const restarted = new Bench({}, bench.store);
    expect(restarted.now({ prepare: { path: "/a", ballot: ballot(next, 2) } })).toMatchObject({ refused: {} });
  });

  test("the ceiling on disk never falls, whatever was asked for before it was raised (P3)", () => {
    const bench = new Bench();
    const low = bench.counter.ceilingFor(bench.counter.ceiling);
    bench.ask({ prepare: { path: "/a", ballot: ballot(low + 10) } });
    void bench.replica.write({ ceiling: low });
    bench.runtime.runUntilIdle();
    void bench.replica.write({ ceiling: low });
    bench.runtime.runUntilIdle();
    expect(bench.store.ceiling()).toBe(bench.counter.ceiling);
    expect(bench.store.ceiling()).toBeGreaterThan(low + 10);
  });

  test("refuses what comes while too many bytes wait for its disk, and takes it again afterwards", () => {
    const bench = new Bench();
    const text = "x".repeat(64 * 1024);
    const asked = Array.from({ length: REPLICA_INBOX_BYTES_MAX / text.length + 10 }, (_, i) =>
      bench.ask(accept(`/f${i}`, ballot(1), text)),
    );
    const refused = asked.filter(({ answer }) => answer?.failure?.code === "OVERLOADED");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(20);
    bench.runtime.runUntilIdle();
    expect(asked.filter(({ answer }) => answer?.accepted).length).toBe(asked.length - refused.length);
    expect(bench.now(accept("/later", ballot(1), text))).toMatchObject({ accepted: {} });
  });

  test("with no room an accept fails, what only looked is answered, and the promise stands", () => {
    const bench = new Bench({ bytesMax: 300 });
    bench.now(prepare("/a", ballot(1)));
    const accepted = bench.ask(accept("/a", ballot(1), "x".repeat(1000)));
    const looked = bench.ask(prepare("/a", ballot(2)));
    bench.runtime.runUntilIdle();
    expect(accepted.answer?.failure).toMatchObject({ code: "STORAGE_FULL" });
    expect(looked.answer?.promised?.ballot.counter).toBe(0);
    expect(bench.replica.full).toBe(true);
    expect(bench.now(accept("/a", ballot(2), "small")).accepted).toBeTruthy();
    expect(bench.replica.full).toBe(false);
  });

  test("a chosen hint shows at once and is written with the next commit, for that very ballot alone", () => {
    const bench = new Bench();
    bench.now(accept("/a", ballot(1)));
    bench.replica.chosen({ path: "/a", ballot: ballot(9) });
    expect(bench.now(read("/a")).held?.chosen).toBe(false);
    bench.replica.chosen({ path: "/a", ballot: ballot(1) });
    bench.now(accept("/b", ballot(2)));
    bench.now(accept("/a", ballot(10)));
    bench.replica.chosen({ path: "/a", ballot: ballot(10) });
    expect(bench.now(read("/a")).held?.chosen).toBe(true);
    bench.now(accept("/b", ballot(11)));
    expect(bench.store.register("/a")?.chosen).toBe(true);
  });

  test("learns a chosen value it missed, over a promise, and never steps back", async () => {
    const bench = new Bench();
    bench.now(prepare("/a", ballot(50)));
    const { accept: missed } = accept("/a", ballot(5));
    if (!missed) throw new Error("an accept");
    const learned = bench.replica.learn({ ...missed, content: missed.content, configuration: 1 });
    bench.runtime.runUntilIdle();
    await learned;
    const held = bench.now(read("/a")).held;
    expect(held && sameBallot(held.ballot, ballot(5)) && held.chosen).toBe(true);
    expect(bench.now(accept("/a", ballot(50))).accepted).toBeTruthy();
    const late = bench.replica.learn({ ...missed, content: missed.content, configuration: 1 });
    bench.runtime.runUntilIdle();
    await late;
    expect(bench.now(read("/a")).held?.ballot).toEqual(ballot(50));
  });

  test("refuses what it let in before it adopted a newer configuration, and takes what is of that one (P5)", async () => {
    const bench = new Bench();
    bench.now(accept("/a", ballot(10)));
    const map = { ...MAP, version: 9 };
    const adopted = bench.replica.adopt(map, { paths: [], chunks: [] }, () => {
      bench.configuration = 2;
    });
    bench.runtime.settle(); // the commit that adopts is under way
    const late = bench.ask(accept("/a", ballot(11)));
    const newer = bench.ask(accept("/a", { ...ballot(3), configuration: 2 }));
    bench.runtime.runUntilIdle();
    await adopted;
    expect(bench.store.map()?.version).toBe(9);
    expect(late.answer?.failure?.code).toBe("CONFIGURATION_STALE");
    expect(newer.answer?.accepted).toBeTruthy();
    expect(bench.store.register("/a")?.ballot.configuration).toBe(2);
  });

  test("drops with the adoption what it held of a partition that it joins (P15)", async () => {
    const bench = new Bench();
    bench.now(accept("/a", ballot(10)));
    bench.now(accept("/b", ballot(11)));
    const adopted = bench.replica.adopt(MAP, { paths: ["/a"], chunks: [] }, () => undefined);
    bench.runtime.runUntilIdle();
    await adopted;
    expect([bench.store.register("/a"), bench.store.register("/b")?.ballot]).toEqual([undefined, ballot(11)]);
  });
});
