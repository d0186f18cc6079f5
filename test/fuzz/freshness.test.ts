/** The age that one replica's answer claims, under puts, cuts and crashes in any order: what was acknowledged before shows. */
import { beforeAll, describe, expect } from "bun:test";
import fc from "fast-check";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { CATCH_UP_EVERY_MS } from "../../src/limits.ts";
import { headCodec } from "../../src/wire/codec.ts";
import { type AnswerBody, type Held, Want } from "../../src/wire/messages.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";
import { fuzzing, outcomeOfPromise } from "./fuzz.ts";

const fuzz = fuzzing(import.meta.path);
beforeAll(() => warmUpChecksums(8));

const PATHS = ["/a", "/b", "/c"];
const number = fc.integer({ min: 1, max: 3 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("put" as const), path: fc.constantFrom(...PATHS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), a: number, b: number, cut: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), node: number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("restart" as const), node: number }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.oneof(fc.nat(2_000), fc.constant(CATCH_UP_EVERY_MS + 1_000)),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Watched {
  readonly cluster = new MemoryCluster();
  readonly down = new Set<number>();
  /** By path, the versions that were acknowledged and when. */
  readonly acknowledged = new Map<string, { readonly version: number; readonly atMs: number }[]>();

  async take(client: Awaited<ReturnType<MemoryCluster["client"]>>, action: Step): Promise<void> {
    const { cluster, down } = this;
    switch (action.do) {
      case "put": {
        const put = client.put(action.path, new Uint8Array(3), { timeoutMs: 2_000 });
        const outcome = await cluster.until(outcomeOfPromise(put));
        if (!("value" in outcome)) return;
        const before = this.acknowledged.get(action.path) ?? [];
        this.acknowledged.set(action.path, [
          ...before,
          { version: outcome.value.version, atMs: cluster.runtime.clock.monotonicMs() },
        ]);
        return;
      }
      case "cut":
        if (action.a === action.b || down.has(action.a) || down.has(action.b)) return;
        cluster.network.setCut(cluster.member(action.a).life.place, cluster.member(action.b).life.place, action.cut);
        return;
      case "crash":
        if (down.size > 0) return;
        cluster.crash(action.node);
        down.add(action.node);
        return;
      case "restart":
        if (down.delete(action.node)) cluster.restart(action.node);
        return;
      case "wait":
        cluster.runtime.advance(action.ms);
    }
  }

  /** Every running node is asked about every file. */
  check(): number {
    let known = 0;
    for (const node of [1, 2, 3].filter((number) => !this.down.has(number))) {
      for (const path of PATHS) {
        const held = this.#ask(node, path);
        if (!held?.ageKnown) continue;
        known += 1;
        const version = held.head.length === 0 ? 0 : headCodec.decode(held.head).current.version;
        const sinceMs = this.cluster.runtime.clock.monotonicMs() - (held.ageMs ?? 0);
        for (const { version: acked, atMs } of this.acknowledged.get(path) ?? []) {
          if (atMs < sinceMs) expect({ node, path, shows: version >= acked }).toEqual({ node, path, shows: true });
        }
      }
    }
    return known;
  }

  #ask(node: number, path: string): Held | undefined {
    let answered: AnswerBody | undefined;
    const read = { path, want: Want.HEAD, version: 0, age: true };
    this.cluster.member(node).node.request({ id: 1, configuration: 1, read }, (answer) => {
      answered = answer;
    });
    return answered?.held ?? undefined;
  }
}

describe("the age of one replica's answer", () => {
  let known = 0;

  fuzz(
    "is never less than that of a put which it does not show",
    fc.array(step, { minLength: 4, maxLength: 25 }),
    async (steps) => {
      const watched = new Watched();
      const client = await watched.cluster.client();
      watched.cluster.runtime.advance(1_000);
      for (const action of steps) {
        await watched.take(client, action);
        known += watched.check();
      }
      expect(watched.cluster.fatal).toEqual([]);
      expect(known).toBeGreaterThan(0);
    },
    { runs: 40 },
  );
});
