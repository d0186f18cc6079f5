import { describe, expect, test } from "bun:test";
import { COUNTER_LEAP_MAX } from "../../src/limits.ts";
import { Acceptor } from "../../src/register/acceptor.ts";
import { ABSENT } from "../../src/register/ballot.ts";
import { BallotCounter } from "../../src/register/counter.ts";
import { propose, type Replicas } from "../../src/register/proposer.ts";
import type { AnswerBody, Ballot, Configuration, RequestBody } from "../../src/wire/messages.ts";

const ballot = (counter: number, node = 1): Ballot => ({ configuration: 1, counter, node });
const NOTHING = { ballot: ABSENT };

function acceptor(): Acceptor {
  const counter = new BallotCounter(0);
  counter.raise(counter.ceilingFor(0));
  return new Acceptor(counter);
}

describe("an accept that asks for the next promise (P7)", () => {
  test("is taken like any other, and no other coordinator comes between the two ballots any more", () => {
    const replica = acceptor();
    expect(replica.accept("/a", ballot(5), NOTHING, 9).kind).toBe("ok");
    const accepted = { ballot: ballot(5) };
    expect(replica.prepare("/a", ballot(8, 2), accepted)).toEqual({ kind: "refused", floor: ballot(9) });
    expect(replica.accept("/a", ballot(8, 2), accepted).kind).toBe("refused");
    expect(replica.acceptFolded("/a", ballot(9, 0), ballot(5), accepted).kind).toBe("refused");
    expect(replica.accept("/a", ballot(9), accepted).kind).toBe("ok");
    expect(replica.prepare("/b", ballot(6, 2), NOTHING).kind).toBe("ok");
  });

  test("with phase 1 in it does the same", () => {
    const replica = acceptor();
    expect(replica.acceptFolded("/a", ballot(5), ABSENT, NOTHING, 0, 9).kind).toBe("ok");
    expect(replica.prepare("/a", ballot(8, 2), { ballot: ballot(5) })).toEqual({ kind: "refused", floor: ballot(9) });
  });

  test("is overtaken by whoever promises more", () => {
    const replica = acceptor();
    replica.accept("/a", ballot(5), NOTHING, 9);
    const accepted = { ballot: ballot(5) };
    expect(replica.prepare("/a", ballot(10, 2), accepted).kind).toBe("ok");
    expect(replica.accept("/a", ballot(9), accepted)).toEqual({ kind: "refused", floor: ballot(10, 2) });
  });

  test("is refused for a leap that the promise would be refused for (P4)", () => {
    const leap = COUNTER_LEAP_MAX + 10;
    expect(acceptor().accept("/a", ballot(5), NOTHING, leap).kind).toBe("refused");
    expect(acceptor().acceptFolded("/a", ballot(5), ABSENT, NOTHING, 0, leap).kind).toBe("refused");
  });

  test("says so to every replica, our own among them", async () => {
    const asked: (RequestBody & { readonly node: number })[] = [];
    const replicas: Replicas = {
      call: async (node: number, _: number, body: RequestBody): Promise<AnswerBody> => {
        asked.push({ node, ...body });
        return { accepted: {} };
      },
      inOrder: (nodes) => [...nodes],
      hedging: () => ({ afterMs: 50, mayReplace: () => true }),
    };
    const configuration: Configuration = { number: 1, sets: [{ nodes: [1, 2, 3], w: 2, r: 2 }] };
    const round = { path: "/a", configuration, ballot: ballot(5), next: 6, replicas: [1, 2, 3] };
    const value = { head: Uint8Array.of(1), content: new Uint8Array(0), random: "0123456789abcdef", inline: false };
    expect((await propose(round, value, replicas, () => {}, { self: 1, base: ABSENT, forgotten: 0 })).kind).toBe("chosen");
    expect(asked.map(({ node, accept }) => [node, accept?.next]).sort()).toEqual([
      [1, 6],
      [2, 6],
      [3, 6],
    ]);
  });
});
