/** Sessions to a process that is killed, restarted, stopped and continued. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { codeOf } from "../../src/base/errors.ts";
import type { Session } from "../../src/ports.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { GrpcSessionDialer } from "../../src/transport/grpc-session.ts";
import { readOf, TestCounter } from "../conformance/session.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const children: Bun.Subprocess[] = [];
const dialers: GrpcSessionDialer[] = [];

afterEach(() => {
  for (const dialer of dialers.splice(0)) dialer.close();
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function startChild(port = "0") {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), port], { stdout: "pipe", stderr: "inherit" });
  children.push(child);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return { child, address: new TextDecoder().decode(value).trim() };
}

function sessionTo(address: string): Session {
  const dialer = new GrpcSessionDialer(realRuntime("quiet"), new TestCounter(1), () => ({
    clusterId: "here",
    node: 0,
    version: "",
  }));
  dialers.push(dialer);
  return dialer.session(address);
}

/** The outcome of a call, and how long it took. */
async function timed(call: Promise<unknown>): Promise<{ outcome: string; tookMs: number }> {
  const startMs = performance.now();
  const outcome = await call.then(
    () => "answered",
    (error) => codeOf(error) ?? String(error),
  );
  return { outcome, tookMs: performance.now() - startMs };
}

test("when the server is killed, calls under way end within 100 ms; restarted, it answers within a second", async () => {
  const { child, address } = await startChild();
  const session = sessionTo(address);
  await session.call(1, readOf("/warm"), 5000);
  const calls = Array.from({ length: 50 }, () => session.call(1, readOf("/never"), 30_000));
  await Bun.sleep(50);
  const outcomes = Promise.all(calls.map(timed));
  child.kill("SIGKILL");
  for (const { outcome, tookMs } of await outcomes) {
    expect(outcome).toBe("NODE_SILENT");
    expect(tookMs).toBeLessThan(100);
  }
  await Bun.sleep(20);
  expect((await timed(session.call(1, readOf("/a"), 5000))).outcome).toBe("NODE_UNREACHABLE");

  await startChild(address.split(":")[1]);
  const startMs = performance.now();
  let outcome = "";
  while (outcome !== "answered" && performance.now() - startMs < 3000) {
    ({ outcome } = await timed(session.call(1, readOf("/a"), 5000)));
    await Bun.sleep(5);
  }
  expect(performance.now() - startMs).toBeLessThan(1200);
});

test("a stopped server is silent, its calls end in their time, and it answers again once it continues", async () => {
  const { child, address } = await startChild();
  const session = sessionTo(address);
  await session.call(1, readOf("/warm"), 5000);
  child.kill("SIGSTOP");
  const short = timed(session.call(1, readOf("/a"), 300));
  const long = timed(session.call(1, readOf("/a"), 10_000));
  await Bun.sleep(250);
  expect(session.state).toBe("silent");
  expect(await short).toEqual({ outcome: "NODE_SILENT", tookMs: expect.any(Number) });
  expect((await short).tookMs).toBeWithin(290, 450);
  child.kill("SIGCONT");
  const { outcome, tookMs } = await long;
  expect(outcome).toBe("answered");
  expect(tookMs).toBeLessThan(1000);
  expect(session.state).toBe("ready");
});

test("a server that stays stopped is given up and unreachable; continued, it is found again", async () => {
  const { child, address } = await startChild();
  const session = sessionTo(address);
  await session.call(1, readOf("/warm"), 5000);
  child.kill("SIGSTOP");
  const { outcome, tookMs } = await timed(session.call(1, readOf("/a"), 30_000));
  expect(outcome).toBe("NODE_SILENT");
  expect(tookMs).toBeWithin(3900, 6000);
  expect(session.state).toBe("unreachable");
  await Bun.sleep(2500);
  expect(session.state).toBe("unreachable");
  expect((await timed(session.call(1, readOf("/a"), 5000))).tookMs).toBeLessThan(50);
  child.kill("SIGCONT");
  const startMs = performance.now();
  while (session.state !== "ready" && performance.now() - startMs < 5000) await Bun.sleep(10);
  expect(performance.now() - startMs).toBeLessThan(4500);
  expect((await timed(session.call(1, readOf("/a"), 5000))).outcome).toBe("answered");
}, 30_000);
