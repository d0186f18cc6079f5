import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../src/base/errors.ts";
import { SqliteNodeStore } from "../../src/storage/node-store.ts";
import { acceptOf, ballotOf, writes } from "../conformance/node-store.ts";
import { onSmallDisk } from "../small-disk.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

/** Runs the committing child until it acknowledged enough, kills it, and returns the last counter it acknowledged. */
async function killedAfter(path: string, first: number, acknowledgements: number): Promise<number> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "crash-child.ts"), path, String(first)], { stdout: "pipe" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of child.stdout) {
    text += decoder.decode(piece);
    if (text.split("\n").length > acknowledgements) child.kill("SIGKILL");
  }
  await child.exited;
  return Number(text.split("\n").at(-2));
}

test("every acknowledged commit survives SIGKILL, and none survives by half", async () => {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-crash-"));
  const path = join(directory, "node.db");
  let first = 1;
  for (let round = 0; round < 4; round += 1) {
    const acknowledged = await killedAfter(path, first, 30 + 70 * round);
    const store = SqliteNodeStore.open(path, "disk-1");
    expect(store.sequence).toBeGreaterThanOrEqual(acknowledged);
    expect(store.sequence).toBe(store.ceiling());
    for (let counter = Math.max(1, store.sequence - 39); counter <= store.sequence; counter += 1) {
      const current = store.current(`/f${counter % 40}`);
      expect(current).toMatchObject({ sequence: counter, ballot: ballotOf(counter) });
      const pair = counter - ((counter + 1) % 2);
      expect(current?.content).toEqual(Buffer.alloc(3000 + (pair % 5000), pair % 251));
    }
    first = store.sequence + 1;
    store.close();
  }
  rmSync(directory, { recursive: true });
});

test("a full disk refuses a commit whole, keeps what was there, and takes commits again when there is room", () =>
  onSmallDisk(3 << 20, async (directory) => {
    const ballast = join(directory, "ballast");
    await Bun.write(ballast, new Uint8Array(1 << 20));
    const store = SqliteNodeStore.open(join(directory, "node.db"), "disk-1");
    const commit = (counter: number) => {
      const content = new Uint8Array(40_000).fill(counter);
      return store.commit(
        writes({
          accepts: [acceptOf(`/a${counter}`, counter, { content }), acceptOf(`/b${counter}`, counter)],
          ceiling: counter,
        }),
      );
    };
    let refused: unknown;
    let counter = 0;
    while (refused === undefined && counter < 1000) {
      counter += 1;
      await commit(counter).catch((error: unknown) => {
        refused = error;
      });
    }
    expect(codeOf(refused)).toBe("STORAGE_FULL");
    expect(counter).toBeGreaterThan(5);
    expect([store.register(`/a${counter}`), store.register(`/b${counter}`), store.ceiling()]).toEqual([
      undefined,
      undefined,
      counter - 1,
    ]);
    expect(store.current(`/a${counter - 1}`)?.content?.length).toBe(40_000);
    rmSync(ballast);
    await commit(counter);
    expect(store.register(`/b${counter}`)?.sequence).toBe(2 * counter);
    store.close();
    const again = SqliteNodeStore.open(join(directory, "node.db"), "disk-1");
    expect([again.sequence, again.ceiling(), again.usage().files]).toEqual([2 * counter, counter, 2 * counter]);
    again.close();
  }));
