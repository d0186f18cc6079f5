/**
 * The floor's load: quorum put (prepare, accept; 2 of 3) and quorum get (2 of 3, content from one), closed loop.
 * `bun client.ts PORT,PORT,PORT SIZE_BYTES IN_FLIGHT PUT_MS GET_MS` prints one JSON line: both rates per second.
 */
import { FloorSession, quorum } from "./session.ts";
import { Kind } from "./wire.ts";

const WARM_UP_PUTS = 200;
const HEAD = "|1|4096|0123456789abcdef";

const [ports = "", ...numbers] = process.argv.slice(2);
const [sizeBytes = 0, inFlight = 1, putMs = 1000, getMs = 1000] = numbers.map(Number);
const nodes = ports.split(",").map((port) => new FloorSession(port));
const content = Buffer.alloc(sizeBytes, 9);
let ballot = Date.now() * 256;

async function put(key: string): Promise<void> {
  const own = ++ballot;
  await quorum(nodes, () => ({ kind: Kind.PREPARE, key, ballot: own }));
  await quorum(nodes, () => ({ kind: Kind.ACCEPT, key, ballot: own, content, head: HEAD }));
}

async function get(key: string): Promise<void> {
  const first = Math.floor(Math.random() * nodes.length);
  const asked = [first, (first + 1) % nodes.length].flatMap((index) => nodes[index] ?? []);
  await quorum(asked, (index) => ({ kind: Kind.READ, key, ballot: index === 0 ? 1 : 0 }));
}

/** Operations per second. */
async function rateOf(spanMs: number, operation: (key: string) => Promise<void>, next: () => string): Promise<number> {
  let done = 0;
  const beganMs = performance.now();
  const slot = async () => {
    while (performance.now() - beganMs < spanMs) {
      await operation(next());
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, slot));
  return (done / (performance.now() - beganMs)) * 1000;
}

let keys = 0;
for (let index = 0; index < WARM_UP_PUTS; index++) await put(`f/warm/${process.pid}/${index}`);
const putsPerSec = await rateOf(putMs, put, () => `f/dir/${process.pid}/${keys++}`);
const getsPerSec = await rateOf(getMs, get, () => `f/dir/${process.pid}/${Math.floor(Math.random() * keys)}`);
process.stdout.write(`${JSON.stringify({ putsPerSec, getsPerSec })}\n`);
process.exit(0);
