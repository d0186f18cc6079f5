import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codeOf, messageOf } from "../../src/base/errors.ts";
import { formatQuorum, parseQuorumSpec } from "../../src/cluster/quorum-spec.ts";
import { REPLICAS_MAX } from "../../src/limits.ts";

function refusal(spec: string): string {
  try {
    parseQuorumSpec(spec);
  } catch (error) {
    expect(codeOf(error)).toBe("BAD_QUORUM");
    return messageOf(error);
  }
  throw new Error(`${spec} was accepted`);
}

describe("quorum specifications", () => {
  test("the forms of the command line mean what they say", () => {
    expect(parseQuorumSpec("n=3,w=2,r=2")).toEqual({ n: 3, w: 2, r: 2, name: "custom" });
    expect(parseQuorumSpec("r=1, n=5 ,w=5")).toEqual({ n: 5, w: 5, r: 1, name: "custom" });
    expect(parseQuorumSpec("majority")).toEqual({ n: 3, w: 2, r: 2, name: "majority" });
    expect(parseQuorumSpec("majority,n=5")).toEqual({ n: 5, w: 3, r: 3, name: "majority" });
    expect(parseQuorumSpec("majority,n=4")).toEqual({ n: 4, w: 3, r: 3, name: "majority" });
    expect(parseQuorumSpec("read-optimized,n=5")).toEqual({ n: 5, w: 5, r: 1, name: "read-optimized" });
    expect(parseQuorumSpec("write-optimized")).toEqual({ n: 3, w: 1, r: 3, name: "write-optimized" });
  });

  test("a w or r that is left out is the majority of n", () => {
    expect(parseQuorumSpec("n=5")).toEqual({ n: 5, w: 3, r: 3, name: "custom" });
    expect(parseQuorumSpec("n=5,w=4")).toEqual({ n: 5, w: 4, r: 3, name: "custom" });
    expect(parseQuorumSpec("n=1")).toEqual({ n: 1, w: 1, r: 1, name: "custom" });
  });

  test("quorums that need not meet are refused with the arithmetic and a choice that would do", () => {
    const said = refusal("n=3,w=2,r=1");
    expect(said).toContain("r + w = 1 + 2 = 3 must be greater than n = 3");
    expect(said).toContain("n=3,w=2,r=2 would do");
    expect(refusal("n=3,w=1,r=1")).toContain("r + w = 1 + 1 = 2");
    expect(refusal("n=5,w=2")).toContain("r + w = 3 + 2 = 5");
  });

  test("an adaptive quorum begins as a majority", () => {
    expect(parseQuorumSpec("adaptive")).toEqual({ n: 3, w: 2, r: 2, name: "adaptive" });
    expect(parseQuorumSpec("adaptive,n=5")).toEqual({ n: 5, w: 3, r: 3, name: "adaptive" });
    expect(formatQuorum(parseQuorumSpec("adaptive"))).toBe("adaptive (n=3,w=2,r=2)");
    expect(refusal("adaptive,w=2")).toContain("not understood");
  });

  test("what is no specification is refused", () => {
    for (const spec of ["", ",", "w=x", "n=0,w=0,r=0", "n=3,w=4,r=2", "n=3,w=0,r=3", "n=8,w=8,r=8", "w=2,r=2"]) refusal(spec);
    for (const spec of ["n=3,n=3,w=2,r=2", "n=-3", "n=3.5", "majority,w=2", "Majority", "n=3,q=2", "n=3,,w=2"]) refusal(spec);
  });

  test("every accepted specification intersects, and is read again from how it is shown", () => {
    const number = fc.integer({ min: 0, max: REPLICAS_MAX + 2 });
    fc.assert(
      fc.property(number, number, number, (n, w, r) => {
        const legal = n >= 1 && n <= REPLICAS_MAX && w >= 1 && w <= n && r >= 1 && r <= n && r + w > n;
        const spec = `n=${n},w=${w},r=${r}`;
        if (!legal) return refusal(spec).includes(spec);
        const parsed = parseQuorumSpec(spec);
        return parsed.r + parsed.w > parsed.n && formatQuorum(parsed) === spec;
      }),
    );
    for (const name of ["adaptive", "majority", "read-optimized", "write-optimized"]) {
      for (let n = 1; n <= REPLICAS_MAX; n++) {
        const parsed = parseQuorumSpec(`${name},n=${n}`);
        expect(parsed.r + parsed.w).toBeGreaterThan(n);
      }
    }
  });

  test("the choice that a refusal proposes is accepted", () => {
    const number = fc.integer({ min: 1, max: REPLICAS_MAX });
    fc.assert(
      fc.property(number, number, number, (n, w, r) => {
        fc.pre(w <= n && r <= n && r + w <= n);
        const proposed = /; (n=\S+) would do/.exec(refusal(`n=${n},w=${w},r=${r}`))?.[1];
        expect(parseQuorumSpec(proposed ?? "")).toMatchObject({ n, w });
      }),
    );
  });
});
