/** A DataNode whose database lost a file without anybody noticing: comparing with the others finds it, brings it back and says so. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { NODE_MIGRATIONS } from "../../src/storage/node-schema.ts";
import { Database, LARGE_PAGE_BYTES } from "../../src/storage/sqlite.ts";
import { putText, startCluster } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const LOST = "/lost";

function inDatabase<T>(path: string, run: (database: Database) => T): T {
  const database = Database.open(path, { synchronous: "FULL", pageBytes: LARGE_PAGE_BYTES, migrations: NODE_MIGRATIONS });
  try {
    return run(database);
  } finally {
    database.close();
  }
}

function rowsOf(path: string): number {
  return inDatabase(
    path,
    (database) => database.prepare<[number]>("SELECT count(*) FROM accepted WHERE path = ?").row(LOST)?.[0] ?? 0,
  );
}

test("what one database lost is fetched from the others, and the status says so", async () => {
  await using cluster = await startCluster();
  await putText(cluster, LOST, "text");
  for (let i = 0; i < 20; i += 1) await putText(cluster, `/others/${i}`, `text ${i}`);
  const victim = cluster.node(2);
  const path = join(cluster.dir, "dn3", "node.db");
  await victim.stop("SIGTERM");
  await victim.start(); // it follows the others' logs to their ends
  await cluster.waitFor(({ state }) => state === "ok");
  await Bun.sleep(2_000);
  await victim.stop("SIGTERM");
  expect(rowsOf(path)).toBe(1);
  inDatabase(path, (database) =>
    database.transaction(() => {
      for (const table of ["accepted", "paths"]) database.prepare<[]>(`DELETE FROM ${table} WHERE path = ?`).run(LOST);
    }, LARGE_PAGE_BYTES),
  );
  expect(rowsOf(path)).toBe(0);
  await victim.start();
  const { alarms } = await cluster.waitFor(
    (status) => status.alarms.some((alarm) => alarm.includes("silent divergence")),
    60_000,
  );
  expect(alarms.join("\n")).toContain(`the current version of ${LOST}`);
  await victim.stop("SIGTERM");
  expect(rowsOf(path)).toBe(1);
});
