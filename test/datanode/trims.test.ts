/** Bytes of versions that nobody names any more go (P23), whatever came in between; and hints find their accept. */
import { describe, expect, test } from "bun:test";
import { Replica } from "../../src/datanode/replica.ts";
import { BallotCounter } from "../../src/register/counter.ts";
import { absentHead, decide } from "../../src/register/head.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { MemoryNodeStore } from "../../src/storage/memory-node-store.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type { Ballot, Head } from "../../src/wire/messages.ts";

const ballot = (counter: number): Ballot => ({ configuration: 1, counter, node: 1 });
const id = (digit: string): string => digit.repeat(16);
const ROOM_BYTES = 1_000_000;

function put(base: Head, random: string, keepVersions: number): Head {
  const version = { ...absentHead(0).current, tombstone: false, sizeBytes: 1 };
  const operation = { stamp: 10, random };
  const mutate = { path: "/a", operation, attempt: 1, budgetMs: 1000, ack: 0, put: { version, content: Uint8Array.of(1) } };
  const decision = decide(base, mutate, keepVersions);
  if (decision.kind !== "changed") throw new Error(decision.kind);
  return decision.head;
}

class Bench {
  readonly runtime = new FakeRuntime();
  readonly store = new MemoryNodeStore({ timers: this.runtime.timers, commitMs: () => 5, bytesMax: ROOM_BYTES });
  readonly replica: Replica;

  constructor() {
    const counter = new BallotCounter(0);
    this.replica = new Replica(
      this.runtime,
      this.store,
      counter,
      (error) => {
        throw error;
      },
      { numberOf: () => 1, numberOfPartition: () => 1, partitionOf: () => 0 },
    );
    void this.replica.write({ ceiling: counter.ceilingFor(0) });
    this.runtime.runUntilIdle();
  }

  /** Begins an accept. */
  submit(path: string, counter: number, head: Head): void {
    const { random } = head.current.operation;
    const accept = {
      path,
      ballot: ballot(counter),
      head: headCodec.encode(head),
      content: Uint8Array.of(1),
      random,
      inline: true,
    };
    this.replica.submit({ accept }, () => {});
  }

  accept(path: string, counter: number, head: Head): void {
    this.submit(path, counter, head);
    this.runtime.runUntilIdle();
  }

  chosen(path: string, counter: number): void {
    this.replica.chosen({ path, ballot: ballot(counter) });
  }
}

const ONE = put(absentHead(0), id("1"), 1);
const TWO = put(ONE, id("2"), 1);
const THREE = put(TWO, id("3"), 1);

describe("a replica", () => {
  test("keeps a hint for an accept that waits behind a commit of others", () => {
    const bench = new Bench();
    bench.submit("/other", 2, ONE);
    bench.runtime.advance(1); // being committed
    bench.submit("/a", 3, ONE);
    bench.chosen("/a", 3);
    bench.runtime.runUntilIdle();
    expect(bench.store.register("/a")?.chosen).toBe(true);
  });

  test("drops the bytes of a version that was never chosen, when a longer history takes its place", () => {
    const bench = new Bench();
    const first = put(absentHead(0), id("1"), 10);
    bench.accept("/a", 2, first);
    bench.chosen("/a", 2);
    bench.accept("/a", 3, put(first, id("2"), 10)); // lost
    bench.accept("/a", 5, put(put(first, id("3"), 10), id("4"), 10));
    bench.chosen("/a", 5);
    bench.accept("/b", 6, ONE);
    expect(bench.store.contents("/a")).toEqual([id("1"), id("4")]);
  });

  test("drops them on a full disk, without what does not fit, and what was refused loses no trim", () => {
    const bench = new Bench();
    for (const [index, head] of [ONE, TWO, THREE].entries()) bench.accept("/a", 2 + index, head);
    bench.store.bytesMax = 10;
    bench.chosen("/a", 4);
    bench.accept("/b", 6, ONE);
    expect(bench.store.register("/b")).toBeUndefined();
    expect(bench.store.contents("/a")).toEqual([id("2"), id("3")]);
  });

  test("drops them though a hint for the value before came late", () => {
    const bench = new Bench();
    bench.accept("/a", 2, ONE);
    bench.accept("/a", 3, TWO);
    bench.submit("/a", 4, THREE);
    bench.runtime.advance(1); // being committed
    bench.chosen("/a", 3);
    bench.runtime.runUntilIdle();
    bench.accept("/b", 5, ONE);
    bench.chosen("/a", 4);
    bench.accept("/c", 6, ONE);
    expect(bench.store.contents("/a")).toEqual([id("2"), id("3")]);
  });
});
