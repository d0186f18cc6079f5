/** Links between real sockets: a server that echoes, called through a proxy of which rules can be made. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { createServer, connect as dial, type Socket } from "node:net";
import { parseAddress } from "../../../src/base/units.ts";
import { holderOf } from "../../../src/cli/chaos/callers.ts";
import { ProxyNetwork } from "../../../src/cli/chaos/proxy-network.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Caller {
  readonly heard: () => string;
  readonly closed: () => boolean;
  readonly socket: Socket;
}

async function scene() {
  const echo = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  const at = echo.address();
  let target: string | undefined = `127.0.0.1:${typeof at === "object" ? at?.port : 0}`;
  const links = new ProxyNetwork(() => undefined);
  ends.push(
    () => links.close(),
    () => echo.close(),
  );
  const address = await links.open({ server: "dn-1", target: () => target });
  const call = (): Caller => {
    const socket = dial(parseAddress(address));
    let [heard, closed] = ["", false];
    socket.on("data", (bytes) => {
      heard += bytes.toString();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      closed = true;
    });
    ends.push(() => socket.destroy());
    return { heard: () => heard, closed: () => closed, socket };
  };
  const stopListening = () => {
    target = undefined;
  };
  return { links, call, stopListening };
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 200 && !condition(); waited++) await Bun.sleep(10);
  expect(condition()).toBe(true);
}

const toServer = (from: string, to: string) => from === "client" && to === "dn-1";
const toClient = (from: string, to: string) => from === "dn-1" && to === "client";
const any = () => true;

test("bytes pass both ways, and an end is passed on", async () => {
  const { call } = await scene();
  const { socket, heard, closed } = call();
  socket.write("hello");
  await until(() => heard() === "hello");
  socket.end();
  await until(closed);
});

for (const [direction, meets] of [
  ["to the server", toServer],
  ["to the client", toClient],
] as const) {
  test(`a cut ${direction} holds bytes back, and they arrive in order when it is over`, async () => {
    const { links, call } = await scene();
    const { socket, heard } = call();
    socket.write("1");
    await until(() => heard() === "1");
    const over = links.cut(meets);
    socket.write("2");
    await Bun.sleep(50);
    socket.write("3");
    await Bun.sleep(100);
    expect(heard()).toBe("1");
    over();
    await until(() => heard() === "123");
  });
}

test("a connection that begins while a link is cut is made when it is whole", async () => {
  const { links, call } = await scene();
  const over = links.cut(toClient);
  const { socket, heard } = call();
  socket.write("late");
  await Bun.sleep(100);
  expect(heard()).toBe("");
  over();
  await until(() => heard() === "late");
});

test("a delay makes bytes late and loses none", async () => {
  const { links, call } = await scene();
  const { socket, heard } = call();
  const over = links.delay(any, 60);
  const beganMs = performance.now();
  for (let index = 0; index < 10; index++) socket.write(String(index));
  await until(() => heard() === "0123456789");
  expect(performance.now() - beganMs).toBeGreaterThan(110);
  over();
});

test("a reset breaks what is there, and new connections are served", async () => {
  const { links, call } = await scene();
  const first = call();
  first.socket.write("x");
  await until(() => first.heard() === "x");
  links.reset(any);
  await until(first.closed);
  const second = call();
  second.socket.write("y");
  await until(() => second.heard() === "y");
});

test("where nobody listens a connection breaks", async () => {
  const { call, stopListening } = await scene();
  stopListening();
  await until(call().closed);
});

test("much that is held back is not all read into memory, and all of it arrives", async () => {
  const { links, call } = await scene();
  const { socket, heard } = call();
  socket.write("a");
  await until(() => heard() === "a");
  const over = links.cut(toServer);
  const sent = "b".repeat(20 * 2 ** 20);
  socket.write(sent);
  await Bun.sleep(200);
  expect(socket.writableLength).toBeGreaterThan(0);
  over();
  await until(() => heard().length === sent.length + 1);
});

test.skipIf(process.platform !== "linux")("whose connection it is can be seen", async () => {
  const { call } = await scene();
  const { socket, heard } = call();
  socket.write("z");
  await until(() => heard() === "z");
  expect(holderOf([1, process.pid], socket.localPort ?? 0, socket.remotePort ?? 0)).toBe(process.pid);
  expect(holderOf([1], socket.localPort ?? 0, socket.remotePort ?? 0)).toBeUndefined();
});
