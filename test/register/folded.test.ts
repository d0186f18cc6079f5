import { describe, expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { Acceptor } from "../../src/register/acceptor.ts";
import { ABSENT } from "../../src/register/ballot.ts";
import { BallotCounter } from "../../src/register/counter.ts";
import { mayFold } from "../../src/register/folded.ts";
import { propose, type Replicas } from "../../src/register/proposer.ts";
import type { AnswerBody, Ballot, Configuration, RequestBody } from "../../src/wire/messages.ts";

const ballot = (counter: number, node = 1): Ballot => ({ configuration: 1, counter, node });
const configuration = (n: number, w: number, r: number): Configuration => ({
  number: 1,
  sets: [{ nodes: Array.from({ length: n }, (_, i) => i + 1), w, r }],
});
const VALUE = { head: Uint8Array.of(1), content: new Uint8Array(0), random: "0123456789abcdef", inline: false };
const HOME = 1;

/** Replicas that answer when the test says so. */
class Scripted implements Replicas {
  readonly asked = new Map<number, RequestBody>();
  readonly #answers = new Map<number, (answer: AnswerBody | QdfsError) => void>();

  call(node: number, _: number, body: RequestBody): Promise<AnswerBody> {
    this.asked.set(node, body);
    return new Promise((resolve, reject) => {
      this.#answers.set(node, (answer) => (answer instanceof QdfsError ? reject(answer) : resolve(answer)));
    });
  }

  inOrder(nodes: readonly number[]): number[] {
    return [...nodes];
  }

  hedging() {
    return { afterMs: 50, mayReplace: () => true };
  }

  async answer(node: number, answer: AnswerBody | QdfsError): Promise<void> {
    this.#answers.get(node)?.(answer);
    await Bun.sleep(0);
  }
}

const TAKEN: AnswerBody = { accepted: {} };
const REFUSED: AnswerBody = { refused: { floor: ballot(9, 3) } };

function folded(n = 3, w = 2) {
  const replicas = new Scripted();
  const round = {
    path: "/a",
    configuration: configuration(n, w, 2),
    ballot: ballot(5),
    replicas: configuration(n, w, 2).sets[0]?.nodes ?? [],
  };
  const proposed = propose(round, VALUE, replicas, () => {}, { self: HOME, base: ballot(3), forgotten: 0 });
  return { replicas, proposed };
}

describe("an accept with phase 1 in it (P24)", () => {
  test("may be sent only where two promises are a phase 1, in a configuration that is not joint, by one of its replicas", () => {
    expect(mayFold(configuration(3, 2, 2), HOME)).toBe(true);
    expect(mayFold(configuration(3, 2, 2), 4)).toBe(false);
    expect(mayFold(configuration(3, 3, 1), HOME)).toBe(false);
    expect(mayFold(configuration(5, 3, 3), HOME)).toBe(false);
    const [set] = configuration(3, 2, 2).sets;
    if (set === undefined) throw new Error("there is a set");
    expect(mayFold({ number: 2, sets: [set, set] }, HOME)).toBe(false);
  });

  test("goes to the others, marked with its base; our own replica accepts after the first of them took it", async () => {
    const { replicas, proposed } = folded();
    expect([...replicas.asked.keys()].sort()).toEqual([2, 3]);
    expect(replicas.asked.get(2)?.accept?.base).toEqual(ballot(3));
    await replicas.answer(3, TAKEN);
    expect(replicas.asked.get(HOME)?.accept?.ballot).toEqual(ballot(5));
    expect(replicas.asked.get(HOME)?.accept?.base).toBeUndefined();
    await replicas.answer(2, TAKEN);
    expect(await proposed).toEqual({ kind: "chosen", acks: 2 });
  });

  test("that every other replica refuses was taken by nobody, and our own is never asked", async () => {
    const { replicas, proposed } = folded();
    await replicas.answer(2, REFUSED);
    await replicas.answer(3, REFUSED);
    expect(await proposed).toEqual({ kind: "refused", floor: ballot(9, 3), mayHaveTaken: false });
    expect(replicas.asked.has(HOME)).toBe(false);
  });

  test("that one refuses and the other takes is chosen with our own", async () => {
    const { replicas, proposed } = folded();
    await replicas.answer(2, REFUSED);
    expect(replicas.asked.has(HOME)).toBe(false);
    await replicas.answer(3, TAKEN);
    await replicas.answer(HOME, TAKEN);
    expect(await proposed).toEqual({ kind: "chosen", acks: 2 });
  });

  test("that reached nobody has failed for certain; one that may have reached somebody has not", async () => {
    const refusedConnection = new QdfsError("NODE_UNREACHABLE", "connection refused");
    const dead = folded();
    await dead.replicas.answer(2, refusedConnection);
    await dead.replicas.answer(3, refusedConnection);
    expect((await dead.proposed).kind).toBe("failed");
    const silent = folded();
    await silent.replicas.answer(2, refusedConnection);
    await silent.replicas.answer(3, new QdfsError("NODE_SILENT", "timed out"));
    expect((await silent.proposed).kind).toBe("undecided");
    expect(silent.replicas.asked.has(HOME)).toBe(false);
  });

  test("is taken like a prepare and an accept in one: above every floor, over nothing newer than its base", () => {
    const counter = new BallotCounter(0);
    counter.raise(counter.ceilingFor(0));
    const acceptor = new Acceptor(counter);
    const verdict = (b: Ballot, base: Ballot, accepted: Ballot) =>
      acceptor.acceptFolded("/a", b, base, { ballot: accepted }).kind;
    expect(verdict(ballot(5), ABSENT, ABSENT)).toBe("ok");
    expect(verdict(ballot(5), ballot(3), ballot(3))).toBe("ok");
    expect(verdict(ballot(5), ballot(3), ballot(2, 2))).toBe("ok"); // it missed the base
    expect(verdict(ballot(5), ballot(3), ballot(3, 2))).toBe("refused"); // something newer than the base
    expect(verdict(ballot(5), ABSENT, ballot(1))).toBe("refused");
    expect(verdict(ballot(3), ballot(3), ballot(3))).toBe("refused"); // not above what is accepted
    expect(acceptor.prepare("/a", ballot(7, 2), { ballot: ABSENT }).kind).toBe("ok");
    expect(verdict(ballot(7, 2), ABSENT, ABSENT)).toBe("refused"); // promised already: a plain accept would be taken
    expect(acceptor.accept("/a", ballot(7, 2), { ballot: ABSENT }).kind).toBe("ok");
    expect(verdict(ballot(8), ABSENT, ABSENT)).toBe("ok");
  });
});
