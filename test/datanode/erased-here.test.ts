/** What a peer holds and this replica does not: thrown away here, or never here? */
import { expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { type Absence, absenceHere } from "../../src/datanode/erased-here.ts";
import { ABSENT } from "../../src/register/ballot.ts";
import { absentHead } from "../../src/register/head.ts";
import { headCodec } from "../../src/wire/codec.ts";
import { type AnswerBody, type Ballot, Want } from "../../src/wire/messages.ts";
import { ballot, HELD_ABSENT } from "../client/fakes.ts";

const PATH = "/gone";
const PARTITION = 3;

interface Here {
  /** What was erased of the partition here, at most. */
  readonly floor?: Ballot;
  /** What this replica holds of the file. */
  readonly own?: Ballot;
  /** What the peer answers when it is asked again. */
  readonly peer?: AnswerBody | Error;
}

/** What is made of it that the peer is said to hold ballot 5; `asked`: how often the peer was asked for it. */
async function judged({
  floor = ballot(7),
  own = ABSENT,
  peer = tombstone(),
}: Here): Promise<{ absence: Absence; asked: number }> {
  let asked = 0;
  const here = {
    maps: { partitionOf: () => PARTITION, configurationOf: () => ({ number: 4, sets: [{ nodes: [1, 2, 3], w: 2, r: 2 }] }) },
    replica: {
      accepted: () => ({ ballot: own, head: new Uint8Array(0), chosen: true }),
      erasureOf: (partition: number) => ({ floor: partition === PARTITION ? floor : ABSENT, forgotten: 0 }),
    },
    peers: {
      call: async (node: number, configuration: number, body: object) => {
        asked += 1;
        expect([node, configuration, body]).toEqual([2, 4, { read: { path: PATH, want: Want.HEAD, version: 0 } }]);
        if (peer instanceof Error) throw peer;
        return peer;
      },
    },
  };
  return { absence: await absenceHere(here, { path: PATH, peer: 2, ballot: ballot(5) }), asked };
}

function heldAt(counter: number, deleted: boolean): AnswerBody {
  const { current } = absentHead(0);
  const version = { ...current, version: 2, tombstone: deleted, operation: { stamp: 1, random: "0".repeat(16) } };
  const head = headCodec.encode({ ...absentHead(0), current: version });
  return { held: { ballot: ballot(counter), head, chosen: true, content: new Uint8Array(0), contentHeld: false } };
}

const tombstone = (counter = 5) => heldAt(counter, true);

test("a tombstone at or below what was erased here is erased, whether the peer still holds it or not", async () => {
  expect(await judged({})).toEqual({ absence: "erased", asked: 1 });
  expect(await judged({ floor: ballot(5) })).toEqual({ absence: "erased", asked: 1 });
  expect(await judged({ peer: HELD_ABSENT })).toEqual({ absence: "erased", asked: 1 });
});

test("a live value down there was never here, and is to be brought", async () => {
  expect((await judged({ peer: heldAt(5, false) })).absence).toBe("missing");
});

test("what lies above what was erased here was not erased, and nobody needs to be asked", async () => {
  expect(await judged({ floor: ballot(4) })).toEqual({ absence: "missing", asked: 0 });
  expect(await judged({ floor: ABSENT })).toEqual({ absence: "missing", asked: 0 });
});

test("what this replica holds, be it older, is no erased file", async () => {
  expect(await judged({ own: ballot(3) })).toEqual({ absence: "missing", asked: 0 });
});

test("of a peer that is silent nothing is made: neither that it was erased here nor that it is missing", async () => {
  await expect(judged({ peer: new QdfsError("NODE_SILENT", "no answer") })).rejects.toMatchObject({ code: "NODE_SILENT" });
  await expect(judged({ peer: {} })).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("what the peer holds something else for by now is neither erased nor missing here", async () => {
  expect((await judged({ peer: tombstone(6) })).absence).toBe("replaced");
  expect((await judged({ peer: heldAt(6, false) })).absence).toBe("replaced");
});

test("a broken invariant is not caught", async () => {
  expect(await judged({ peer: new Error("broken") }).catch(String)).toContain("broken");
});
