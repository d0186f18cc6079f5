/** What every SessionDialer with its serving end must do, whatever carries the batches. */
import { describe, expect, test } from "bun:test";
import { codeOf, QdfsError } from "../../src/base/errors.ts";
import { HINT_DELAY_MS, INLINE_BYTES_MAX, SESSION_BUFFER_BYTES_MAX, SESSION_IN_FLIGHT_MAX } from "../../src/limits.ts";
import type { LamportCounter, Runtime, SessionDialer, SessionHandler } from "../../src/ports.ts";
import type { SessionService } from "../../src/transport/wire.ts";
import { failureAnswer } from "../../src/wire/failure.ts";
import type { AnswerBody, Chosen, Hello, Request, RequestBody } from "../../src/wire/messages.ts";

export interface SessionWorld {
  readonly runtime: Runtime;
  /** Starts a server; at `address`, if one is given, where another was before. */
  serve(service: SessionService, address?: string): Promise<{ address: string; kill(): void }>;
  dialer(counter: LamportCounter, hello: () => Hello): SessionDialer;
  /** An address at which nobody listens. */
  deadAddress(): Promise<string>;
  /** Lets time pass until the promise has settled. */
  until<T>(promise: Promise<T>): Promise<T>;
  pass(spanMs: number): Promise<void>;
  close(): void;
}

export class TestCounter implements LamportCounter {
  observed = 0;
  #value: number;
  constructor(value: number) {
    this.#value = value;
  }
  current(): number {
    return this.#value;
  }
  observe(counter: number): void {
    this.observed += 1;
    this.#value = Math.max(this.#value, counter);
  }
}

const BALLOT = { configuration: 3, counter: 2 ** 41, node: 7 };
const NONE = new Uint8Array();

export function readOf(path: string, version = 0): RequestBody {
  return { read: { path, want: 2, version } };
}

export function heldOf(content: Uint8Array): AnswerBody {
  return { held: { ballot: BALLOT, head: Buffer.from("head"), chosen: true, content, contentHeld: true } };
}

/** Answers every read with its own path as content. */
const echo: SessionHandler = {
  hello: () => {},
  chosen: () => {},
  request: (request, answer) => answer(heldOf(Buffer.from(request.read?.path ?? ""))),
};

interface Scene {
  readonly world: SessionWorld;
  readonly address: string;
  readonly dialer: SessionDialer;
  readonly kill: () => void;
  readonly serverCounter: TestCounter;
  readonly clientCounter: TestCounter;
}

export function serviceOf(handler: Partial<SessionHandler>, counter: LamportCounter = new TestCounter(1)): SessionService {
  return { handler: { ...echo, ...handler }, hello: () => ({ clusterId: "here", node: 1, version: "test" }), counter };
}

async function code(world: SessionWorld, promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await world.until(promise);
    return undefined;
  } catch (error) {
    return codeOf(error) ?? "not a QdfsError";
  }
}

export function sessionConformance(name: string, makeWorld: () => Promise<SessionWorld>): void {
  async function scene(handler: Partial<SessionHandler>, run: (scene: Scene) => Promise<void>): Promise<void> {
    const world = await makeWorld();
    const serverCounter = new TestCounter(50);
    const clientCounter = new TestCounter(10);
    const dialer = world.dialer(clientCounter, () => ({ clusterId: "here", node: 4, version: "test" }));
    try {
      const { address, kill } = await world.serve(serviceOf(handler, serverCounter));
      await run({ world, address, dialer, kill, serverCounter, clientCounter });
    } finally {
      dialer.close();
      world.close();
    }
  }

  describe(`${name}: calls`, () => {
    test("every answer finds its own request, in whatever order they come", async () => {
      const waiting: [Request, (body: AnswerBody) => void][] = [];
      const request: SessionHandler["request"] = (asked, answer) => {
        waiting.push([asked, answer]);
        if (waiting.length === 100)
          for (const [held, reply] of waiting.reverse()) reply(heldOf(Buffer.from(held.read?.path ?? "")));
      };
      await scene({ request }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        const calls = Array.from({ length: 100 }, (_, index) => session.call(1, readOf(`/file ${index}`), 5000));
        const answers = await world.until(Promise.all(calls));
        expect(answers.map(({ held }) => Buffer.from(held?.content ?? NONE).toString())).toEqual(
          calls.map((_, index) => `/file ${index}`),
        );
        expect(session.state).toBe("ready");
        expect(session.inFlight).toBe(0);
        expect(session.latencyMs).toBeGreaterThan(0);
      });
    });

    test("a request and its answer arrive with all their fields", async () => {
      const seen: Request[] = [];
      const request: SessionHandler["request"] = (asked, answer) => {
        seen.push(asked);
        answer({ promised: { ballot: BALLOT, head: Buffer.from([0, 255]), chosen: false, forgotten: 2 ** 52 } });
      };
      await scene({ request }, async ({ world, dialer, address }) => {
        const accept = {
          path: "/a/ü/漢",
          ballot: BALLOT,
          head: Buffer.from([1, 2]),
          random: "0a",
          inline: true,
          content: Buffer.alloc(70_000, 9),
        };
        const answer = await world.until(dialer.session(address).call(12, { accept }, 5000));
        expect(seen[0]?.configuration).toBe(12);
        expect(seen[0]?.accept?.path).toBe(accept.path);
        expect({ ...seen[0]?.accept?.ballot }).toEqual(BALLOT);
        expect(seen[0]?.accept?.content).toEqual(accept.content);
        expect(seen[0]?.read ?? null).toBeNull();
        expect(answer.promised?.head).toEqual(Buffer.from([0, 255]));
        expect(answer.promised?.forgotten).toBe(2 ** 52);
        expect(answer.failure ?? null).toBeNull();
      });
    });

    test("a failure arrives as the error that was answered, an unknown code as BUG", async () => {
      const request: SessionHandler["request"] = (asked, answer) => {
        const conflict = failureAnswer(new QdfsError("CONFLICT", "too slow", { tries: 3 }));
        const strange = { failure: { code: "FROM_THE_FUTURE", message: "?", details: "{" } };
        answer(asked.read?.path === "/known" ? conflict : strange);
      };
      await scene({ request }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        const error = await world.until(session.call(1, readOf("/known"), 5000).catch((caught) => caught));
        expect(error).toBeInstanceOf(QdfsError);
        expect([error.code, error.message, error.details]).toEqual(["CONFLICT", "too slow", { tries: 3 }]);
        expect(await code(world, session.call(1, readOf("/strange"), 5000))).toBe("BUG");
      });
    });

    test("a call without an answer ends as NODE_SILENT in time, and the late answer disturbs nobody", async () => {
      const late: (() => void)[] = [];
      const request: SessionHandler["request"] = (asked, answer) => {
        if (asked.read?.path === "/late") late.push(() => answer(heldOf(Buffer.from("late"))));
        else echo.request(asked, answer);
      };
      await scene({ request }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        await world.until(session.call(1, readOf("/warm"), 5000));
        const startMs = world.runtime.clock.monotonicMs();
        expect(await code(world, session.call(1, readOf("/late"), 70))).toBe("NODE_SILENT");
        expect(world.runtime.clock.monotonicMs() - startMs).toBeWithin(65, 160);
        for (const run of late) run();
        const answer = await world.until(session.call(1, readOf("/next"), 5000));
        expect(Buffer.from(answer.held?.content ?? NONE).toString()).toBe("/next");
      });
    });

    test("a request that asks for nothing is refused, and the session goes on", async () => {
      await scene({}, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        expect(await code(world, session.call(1, {}, 5000))).toBe("BAD_REQUEST");
        expect(await code(world, session.call(1, readOf("/a"), 5000))).toBeUndefined();
      });
    });
  });

  describe(`${name}: batches`, () => {
    test("calls of one turn leave in one batch, and so do their answers", async () => {
      await scene({}, async ({ world, dialer, address, serverCounter, clientCounter }) => {
        const session = dialer.session(address);
        await world.until(session.call(1, readOf("/warm"), 5000));
        const [atServer, atClient] = [serverCounter.observed, clientCounter.observed];
        await world.until(Promise.all(Array.from({ length: 1000 }, (_, index) => session.call(1, readOf(`/${index}`), 5000))));
        expect(serverCounter.observed - atServer).toBe(1);
        expect(clientCounter.observed - atClient).toBeLessThanOrEqual(2);
      });
    });

    test("Lamport counters are merged both ways", async () => {
      await scene({}, async ({ world, dialer, address, serverCounter, clientCounter }) => {
        const session = dialer.session(address);
        await world.until(session.call(1, readOf("/a"), 5000));
        expect(clientCounter.current()).toBe(50);
        clientCounter.observe(77);
        await world.until(session.call(1, readOf("/a"), 5000));
        expect(serverCounter.current()).toBe(77);
      });
    });

    test("a hint rides on the next batch, or goes alone a little later", async () => {
      const hints: string[] = [];
      const chosen = (hint: Chosen): void => void hints.push(hint.path);
      await scene({ chosen }, async ({ world, dialer, address, serverCounter }) => {
        const session = dialer.session(address);
        await world.until(session.call(1, readOf("/warm"), 5000));
        const before = serverCounter.observed;
        session.hint({ path: "/rides", ballot: BALLOT });
        await world.until(session.call(1, readOf("/a"), 5000));
        expect([hints, serverCounter.observed - before]).toEqual([["/rides"], 1]);
        session.hint({ path: "/alone", ballot: BALLOT });
        await world.pass(HINT_DELAY_MS + 30);
        expect([hints, serverCounter.observed - before]).toEqual([["/rides", "/alone"], 2]);
      });
    });
  });

  describe(`${name}: connections`, () => {
    test("an address is one session until that is closed", async () => {
      await scene({}, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        expect([session.state, session.address]).toEqual(["connecting", address]);
        expect(dialer.session(address)).toBe(session);
        await world.until(session.call(1, readOf("/a"), 5000));
        session.close();
        expect(session.state).toBe("unreachable");
        expect(await code(world, session.call(1, readOf("/a"), 5000))).toBe("NODE_UNREACHABLE");
        expect(dialer.session(address)).not.toBe(session);
        expect(await code(world, dialer.session(address).call(1, readOf("/a"), 5000))).toBeUndefined();
      });
    });

    test("closing ends the calls that were sent as NODE_SILENT", async () => {
      await scene({ request: () => {} }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        const call = session.call(1, readOf("/a"), 5000);
        call.catch(() => {});
        await world.pass(100);
        session.close();
        expect(await code(world, call)).toBe("NODE_SILENT");
      });
    });

    test("a session to a node sends nothing to another node that answers at its address", async () => {
      const seen: Request[] = [];
      const request: SessionHandler["request"] = (asked, answer) => {
        seen.push(asked);
        answer(heldOf(NONE));
      };
      await scene({ request }, async ({ world, dialer, address }) => {
        const other = dialer.session(address, 2); // it is node 1
        expect(await code(world, other.call(1, readOf("/a"), 5000))).toBe("NODE_UNREACHABLE");
        expect([other.state, seen.length]).toEqual(["unreachable", 0]);
        expect(await code(world, dialer.session(address, 1).call(1, readOf("/a"), 5000))).toBeUndefined();
        expect(seen.length).toBe(1);
      });
    });

    test("the server learns who calls, and refuses another cluster's callers", async () => {
      const hellos: Hello[] = [];
      const hello = (said: Hello): void => {
        hellos.push(said);
        if (said.clusterId !== "here") throw new QdfsError("WRONG_CLUSTER", `this is "here", not "${said.clusterId}"`);
      };
      await scene({ hello }, async ({ world, dialer, address }) => {
        await world.until(dialer.session(address).call(1, readOf("/a"), 5000));
        expect([hellos.length, hellos[0]?.clusterId, hellos[0]?.node]).toEqual([1, "here", 4]);
        const stranger = world.dialer(new TestCounter(1), () => ({ clusterId: "there", node: 0, version: "" }));
        expect(await code(world, stranger.session(address).call(1, readOf("/a"), 5000))).toBe("WRONG_CLUSTER");
        expect(await code(world, stranger.session(address).call(1, readOf("/a"), 5000))).toBe("WRONG_CLUSTER");
        stranger.close();
      });
    });

    test("a refused connection is told at once, and a server that comes up there later is found", async () => {
      const world = await makeWorld();
      const address = await world.deadAddress();
      const dialer = world.dialer(new TestCounter(1), () => ({ clusterId: "", node: 0, version: "" }));
      const session = dialer.session(address);
      const startMs = world.runtime.clock.monotonicMs();
      expect(await code(world, session.call(1, readOf("/a"), 30_000))).toBe("NODE_UNREACHABLE");
      expect(world.runtime.clock.monotonicMs() - startMs).toBeLessThan(500);
      expect(session.state).toBe("unreachable");
      expect(await code(world, session.call(1, readOf("/a"), 30_000))).toBe("NODE_UNREACHABLE");
      await world.serve(serviceOf({}), address);
      await world.pass(1100);
      expect(session.state).toBe("ready");
      expect(await code(world, session.call(1, readOf("/a"), 5000))).toBeUndefined();
      dialer.close();
      world.close();
    });

    test("when the server dies, sent calls end as NODE_SILENT at once; restarted, it is found again within a second", async () => {
      const request: SessionHandler["request"] = (asked, answer) => {
        if (asked.read?.path !== "/never") echo.request(asked, answer);
      };
      await scene({ request }, async ({ world, dialer, address, kill }) => {
        const session = dialer.session(address);
        await world.until(session.call(1, readOf("/a"), 5000));
        const call = session.call(1, readOf("/never"), 30_000);
        call.catch(() => {});
        await world.pass(50);
        const startMs = world.runtime.clock.monotonicMs();
        kill();
        expect(await code(world, call)).toBe("NODE_SILENT");
        expect(world.runtime.clock.monotonicMs() - startMs).toBeLessThan(100);
        await world.pass(200);
        await world.serve(serviceOf({}), address);
        await world.pass(1000);
        expect(await code(world, session.call(1, readOf("/a"), 5000))).toBeUndefined();
      });
    });
  });

  describe(`${name}: bounds`, () => {
    test("no more than SESSION_IN_FLIGHT_MAX calls are taken", async () => {
      await scene({ request: () => {} }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        const calls = Array.from({ length: SESSION_IN_FLIGHT_MAX }, () => session.call(0, { sequence: {} }, 60_000));
        for (const call of calls) call.catch(() => {});
        expect(await code(world, session.call(0, { sequence: {} }, 60_000))).toBe("OVERLOADED");
        expect(session.inFlight).toBe(SESSION_IN_FLIGHT_MAX);
      });
    });

    test("no more than SESSION_BUFFER_BYTES_MAX bytes wait to be sent", async () => {
      await scene({ request: (_, answer) => answer({ accepted: {} }) }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        const accept = {
          path: "/a",
          ballot: BALLOT,
          head: NONE,
          random: "0a",
          inline: true,
          content: Buffer.alloc(INLINE_BYTES_MAX),
        };
        const fitting = Math.floor(SESSION_BUFFER_BYTES_MAX / (INLINE_BYTES_MAX + 200));
        const calls = Array.from({ length: fitting }, () => session.call(1, { accept }, 30_000));
        calls.push(...Array.from({ length: 10 }, () => session.call(1, { accept }, 30_000)));
        const outcomes = await Promise.all(calls.map((call) => code(world, call)));
        expect(outcomes.slice(0, fitting).every((outcome) => outcome === undefined)).toBe(true);
        expect(outcomes.at(-1)).toBe("OVERLOADED");
      });
    });

    test("a request too large for a message is refused before it is sent", async () => {
      await scene({}, async ({ world, dialer, address }) => {
        const accept = {
          path: "/a",
          ballot: BALLOT,
          head: Buffer.alloc(4 * 1024 * 1024),
          random: "0a",
          inline: false,
          content: NONE,
        };
        expect(await code(world, dialer.session(address).call(1, { accept }, 5000))).toBe("BAD_REQUEST");
      });
    });

    test("a server takes requests only as far as it has room for their answers, and all are answered in the end", async () => {
      let held = 0;
      let heldMost = 0;
      const request: SessionHandler["request"] = (_, answer) => {
        held += 1;
        heldMost = Math.max(heldMost, held);
        setImmediate(() => {
          held -= 1;
          answer(heldOf(Buffer.alloc(INLINE_BYTES_MAX)));
        });
      };
      await scene({ request }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        const calls = Promise.all(Array.from({ length: 2000 }, () => session.call(1, readOf("/a"), 50_000)));
        let done = false;
        const settled = calls.then((answers) => {
          done = true;
          return answers;
        });
        while (!done) await world.pass(1);
        expect((await settled).every(({ held: answer }) => answer?.content.length === INLINE_BYTES_MAX)).toBe(true);
        expect(heldMost).toBeLessThanOrEqual(SESSION_BUFFER_BYTES_MAX / INLINE_BYTES_MAX);
      });
    });
  });

  describe(`${name}: silence`, () => {
    test("a live server is never called silent, however long it takes over a request or a long poll", async () => {
      await scene({ request: () => {} }, async ({ world, dialer, address }) => {
        const session = dialer.session(address);
        const polls = [
          session.call(0, { changes: { after: 0, limit: 1, waitMs: 900, heads: false } }, 1000),
          session.call(1, readOf("/a"), 1000),
        ];
        for (const poll of polls) poll.catch(() => {});
        for (let round = 0; round < 11; round += 1) {
          const beganMs = performance.now();
          await world.pass(60);
          const heldUp = performance.now() - beganMs > 90; // this very process was: that says nothing of the server
          expect(heldUp || session.state === "ready").toBe(true);
        }
        for (const poll of polls) expect(await code(world, poll)).toBe("NODE_SILENT");
      });
    });
  });
}
