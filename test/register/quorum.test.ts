import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decisiveNeed, reaches, readNeed, Tally, writeNeed } from "../../src/register/quorum.ts";
import type { Configuration } from "../../src/wire/messages.ts";

const sizes = fc
  .integer({ min: 1, max: 7 })
  .chain((n) => fc.record({ n: fc.constant(n), w: fc.integer({ min: 1, max: n }), r: fc.integer({ min: 1, max: n }) }))
  .filter(({ n, w, r }) => w + r > n);

function configuration(n: number, w: number, r: number): Configuration {
  return { number: 1, sets: [{ nodes: Array.from({ length: n }, (_, i) => i + 1), w, r }] };
}

describe("quorum arithmetic", () => {
  test("any R replicas meet any W replicas, and any N-R+1 replicas meet any R", () => {
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), ({ n, w, r }, random) => {
        const draw = (count: number): Set<number> => {
          const all = Array.from({ length: n }, (_, i) => i + 1);
          const drawn = new Set<number>();
          while (drawn.size < count) {
            const [node] = all.splice(Math.min(all.length - 1, Math.floor((random.next().value ?? 0) * all.length)), 1);
            if (node !== undefined) drawn.add(node);
          }
          return drawn;
        };
        const readers = draw(r);
        const meets = (other: Set<number>): boolean => [...readers].some((node) => other.has(node));
        expect(meets(draw(w))).toBe(true);
        expect(meets(draw(decisiveNeed({ nodes: Array.from({ length: n }, (_, i) => i), w, r })))).toBe(true);
      }),
    );
  });

  test("a vote is won exactly when enough said yes and lost exactly when enough cannot say yes any more", () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.tuple(fc.integer({ min: 1, max: 7 }), fc.boolean())), ({ n, w, r }, events) => {
        const tally = new Tally(configuration(n, w, r), writeNeed);
        const yes = new Set<number>();
        const no = new Set<number>();
        for (const [node, says] of events) {
          if (node > n) continue;
          if (says) {
            tally.yes(node);
            yes.add(node);
            no.delete(node);
          } else {
            tally.no(node, "down");
            if (!yes.has(node)) no.add(node);
          }
        }
        const expected = yes.size >= w ? "won" : n - no.size < w ? "lost" : "pending";
        expect(tally.vote()).toBe(expected);
      }),
    );
  });

  test("in a joint configuration every count is needed in the old set and in the new set, never over their union", () => {
    const joint: Configuration = {
      number: 2,
      sets: [
        { nodes: [1, 2, 3], w: 2, r: 2 },
        { nodes: [3, 4, 5], w: 2, r: 2 },
      ],
    };
    const tally = new Tally(joint, readNeed);
    for (const node of [1, 2]) tally.yes(node);
    expect(tally.vote()).toBe("pending");
    tally.yes(3);
    expect(tally.vote()).toBe("pending");
    tally.yes(4);
    expect(tally.vote()).toBe("won");
    expect(reaches(joint, writeNeed, new Set([1, 2, 4]))).toBe(false);
    expect(reaches(joint, writeNeed, new Set([2, 3, 4]))).toBe(true);
  });

  test("the failure shows its arithmetic with a cause for each replica that did not count", () => {
    const tally = new Tally(configuration(3, 2, 2), writeNeed);
    tally.yes(1);
    tally.no(2, "timed out after 1500 ms");
    tally.no(3, "connection refused");
    const error = tally.unavailable("write");
    expect(error.code).toBe("QUORUM_UNAVAILABLE");
    expect(error.message).toBe("write needs 2 of 3, got 1 (dn-2: timed out after 1500 ms; dn-3: connection refused)");
  });
});
