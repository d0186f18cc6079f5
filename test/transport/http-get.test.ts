import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { codeOf } from "../../src/base/errors.ts";
import { ConnectionLost, HttpGetter } from "../../src/transport/http-get.ts";

const never = new AbortController().signal;
const fresh = (_status: number, sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes);
const ok = (body: string, more = "") => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

let close: (() => void) | undefined;
afterEach(() => close?.());

/** A server that answers each request as told; `connections`: how many there were. */
async function serving(answer: (socket: Socket, request: string, connection: number) => void) {
  let connections = 0;
  const sockets: Socket[] = [];
  const tcp = createServer((socket) => {
    const connection = connections++;
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => answer(socket, bytes.toString(), connection));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => tcp.once("listening", resolve));
  close = () => {
    for (const socket of sockets) socket.destroy();
    tcp.close();
  };
  const address = tcp.address();
  const port = typeof address === "object" ? address?.port : 0;
  return { http: `127.0.0.1:${port}`, connections: () => connections };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("a GET into memory of the caller's", () => {
  test("fills the room that it is given, and keeps the connection for the next one", async () => {
    const { http, connections } = await serving((socket, request) => socket.write(ok(request.split(" ")[1] ?? "")));
    const getter = new HttpGetter();
    const room = new Uint8Array(4);
    const reply = await getter.get(http, "/one", "", () => room, never);
    expect(reply.body).toBe(room);
    expect(textOf(room)).toBe("/one");
    expect(textOf((await getter.get(http, "/three", "", fresh, never)).body)).toBe("/three");
    expect(connections()).toBe(1);
    getter.close();
  });

  test("takes a head and a body in pieces of any size", async () => {
    const { http } = await serving(async (socket) => {
      for (const letter of ok("in pieces")) {
        socket.write(letter);
        await Bun.sleep(1);
      }
    });
    expect(textOf((await new HttpGetter().get(http, "/", "", fresh, never)).body)).toBe("in pieces");
  });

  test("asks again on a new connection when the kept one was closed meanwhile", async () => {
    const { http, connections } = await serving((socket, _, connection) => {
      if (connection > 0) socket.write(ok("second"));
      else if (socket.bytesRead < 60) socket.write(ok("first"));
      else socket.destroy();
    });
    const getter = new HttpGetter();
    expect(textOf((await getter.get(http, "/", "", fresh, never)).body)).toBe("first");
    expect(textOf((await getter.get(http, "/", "", fresh, never)).body)).toBe("second");
    expect(connections()).toBe(2);
    getter.close();
  });

  test("does not keep a connection that the server ends, or that says more than was asked", async () => {
    const { http, connections } = await serving((socket) => socket.write(ok("last", "Connection: close\r\n")));
    const getter = new HttpGetter();
    for (let count = 1; count <= 2; count += 1) {
      await getter.get(http, "/", "", fresh, never);
      expect(connections()).toBe(count);
    }
    const chatty = await serving((socket) => socket.write(`${ok("body")}and more`));
    expect(await codeIn(getter.get(chatty.http, "/", "", fresh, never))).toBe("CORRUPT");
  });

  test.each([
    ["a body of unknown length", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["no status line", "220 smtp.example.org\r\n\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(4000)}`],
  ])("refuses %s", async (what, said) => {
    const { http } = await serving((socket) => socket.write(said));
    const failure = new HttpGetter().get(http, "/", "", fresh, never);
    expect(await codeIn(failure)).toBe("CORRUPT");
    await failure.catch((error) => expect(String(error)).toContain(what));
  });

  test("ends when it is not wanted any more, and writes nothing after that", async () => {
    let socket: Socket | undefined;
    const { http } = await serving((asking) => {
      socket = asking;
      asking.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc");
    });
    const abort = new AbortController();
    const room = new Uint8Array(6);
    const getting = new HttpGetter().get(http, "/", "", () => room, abort.signal);
    while (room[2] !== 99) await Bun.sleep(1);
    abort.abort(new Error("not wanted"));
    expect(getting).rejects.toThrow("not wanted");
    await getting.catch(() => {});
    socket?.write("def");
    await Bun.sleep(30);
    expect(textOf(room)).toBe("abc\0\0\0");
  });

  test("tells a refused connection by the system's code", async () => {
    const { http } = await serving(() => {});
    close?.();
    await Bun.sleep(10);
    const failure = await new HttpGetter().get(http, "/", "", fresh, never).catch((error) => error);
    expect(failure).toBeInstanceOf(ConnectionLost);
    expect(failure.code).toBe("ECONNREFUSED");
  });
});

async function codeIn(failing: Promise<unknown>): Promise<string | undefined> {
  return await failing.then(
    () => undefined,
    (error) => codeOf(error),
  );
}
