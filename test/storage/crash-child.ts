/** Commits without end, and prints the sequence of each commit once it is acknowledged. Killed by crash.test.ts. */
import { SqliteNodeStore } from "../../src/storage/node-store.ts";
import { acceptOf, writes } from "../conformance/node-store.ts";

const [path = "", first = "1"] = process.argv.slice(2);
const store = SqliteNodeStore.open(path, "disk-1");
for (let counter = Number(first); ; counter += 2) {
  const content = new Uint8Array(3000 + (counter % 5000)).fill(counter % 251);
  // Two files and the ceiling: all of it or nothing.
  const accepts = [counter, counter + 1].map((each) => acceptOf(`/f${each % 40}`, each, { content }));
  await store.commit(writes({ accepts, ceiling: counter + 1 }));
  process.stdout.write(`${counter + 1}\n`);
  store.maintain();
}
