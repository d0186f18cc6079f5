/** Run by namespace-network.test.ts in a network namespace of its own: makes links fail, and prints what passed meanwhile. */
import { connect, type Socket } from "node:net";
import { parseAddress } from "../../../src/base/units.ts";
import { CLIENT } from "../../../src/chaos/faults.ts";
import { NamespaceNetwork } from "../../../src/cli/chaos/namespace-network.ts";
import type { Place } from "../../../src/cli/chaos/network.ts";

const ECHO = `
  const [hostname, port] = process.argv.slice(1);
  Bun.listen({ hostname, port: Number(port), socket: { data(socket, bytes) { socket.write(bytes); } } });
  process.stdin.on("end", () => process.exit()).resume();
  console.log("listening");
`;
/** What passes at all passes at once; what TCP sends again comes within seconds. */
const AT_ONCE_MS = 300;
const AGAIN_MS = 20_000;

const incidents: string[] = [];
const network = new NamespaceNetwork((line) => incidents.push(line));
const places = { a: await network.place("a"), b: await network.place("b") };
const servers = await Promise.all(Object.values(places).map(echoServer));
const sockets = { a: await dial(places.a), b: await dial(places.b) };

const before = [await echoed(sockets.a, AT_ONCE_MS), await echoed(sockets.b, AT_ONCE_MS)];

const heal = network.cut((from, to) => from === CLIENT && to === "a");
await network.settled();
const there = await echoed(sockets.a, AT_ONCE_MS);
const other = await echoed(sockets.b, AT_ONCE_MS);
const dialled = dial(places.a);
const handshake = await within(dialled, AT_ONCE_MS);
heal();
const afterwards = await echoed(sockets.a, AGAIN_MS);
const dialledAfterwards = await within(dialled, AGAIN_MS);

const healBack = network.cut((from, to) => from === "a" && to === CLIENT);
await network.settled();
const back = await echoed(sockets.a, AT_ONCE_MS);
healBack();
const backAfterwards = await echoed(sockets.a, AGAIN_MS);

console.log(JSON.stringify({ before, there, other, handshake, afterwards, dialledAfterwards, back, backAfterwards, incidents }));
for (const server of servers) server.kill();
network.close();
process.exit(0);

async function echoServer({ command, address }: Place) {
  const { host, port } = parseAddress(address);
  const server = Bun.spawn([...command, process.execPath, "-e", ECHO, host, String(port)], { stdin: "pipe", stdout: "pipe" });
  await server.stdout.getReader().read();
  return server;
}

function dial({ address }: Place): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(parseAddress(address), () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Whether a byte sent now, or any before it, comes back in time. */
async function echoed(socket: Socket, timeoutMs: number): Promise<boolean> {
  const answer = new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.write("x");
  return await within(answer, timeoutMs);
}

async function within(event: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return await Promise.race([event.then(() => true), Bun.sleep(timeoutMs).then(() => false)]);
}
