/** What a user does on the first day, with the compiled executable against real processes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checksumOf } from "../../src/base/checksum.ts";
import { Exit } from "../../src/base/errors.ts";
import { treeOf } from "../../src/tools/file-trees.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { bytesOf, fails, makeTree, PATIENCE_MS, putText, scratch, startCluster, textOf } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startCluster();
}, PATIENCE_MS);
afterAll(() => cluster?.stop());

interface Row {
  readonly path: string;
  readonly type?: string;
  readonly version: number;
  readonly sizeBytes: number;
  readonly checksum: string;
  readonly guarantee: string;
  readonly acks: number;
}

describe("one file", () => {
  test("of any size goes in and comes back with the checksum that put, get and stat agree on", async () => {
    using dir = scratch();
    for (const sizeBytes of [0, 1, 65_536, 65_537, 4 * 2 ** 20 + 1, 20 * 2 ** 20]) {
      const bytes = bytesOf(sizeBytes, sizeBytes + 1);
      const [local, path, back] = [join(dir.path, `in-${sizeBytes}`), `/sizes/${sizeBytes}`, join(dir.path, `out-${sizeBytes}`)];
      writeFileSync(local, bytes);
      const [put] = await cluster.rows<Row>(["put", local, path]);
      const [got] = await cluster.rows<Row>(["get", path, back]);
      const [stat] = await cluster.rows<Row>(["stat", path]);
      expect(readFileSync(back).equals(bytes)).toBe(true);
      expect([put?.checksum, got?.checksum, stat?.checksum]).toEqual(Array(3).fill(checksumOf(bytes)));
      expect(put).toMatchObject({ path, version: 1, sizeBytes, guarantee: "linearizable" });
      expect(put?.acks).toBeGreaterThanOrEqual(2);
    }
  });

  test("keeps its modification time and permission bits", async () => {
    using dir = scratch();
    const [local, back] = [join(dir.path, "script.sh"), join(dir.path, "back.sh")];
    writeFileSync(local, "#!/bin/sh\n");
    chmodSync(local, 0o750);
    utimesSync(local, 1_600_000_000, 1_600_000_000);
    await cluster.ok(["put", local, "/meta/script.sh"]);
    await cluster.ok(["get", "/meta/script.sh", back]);
    expect(statSync(back).mode & 0o777).toBe(0o750);
    expect(Math.round(statSync(back).mtimeMs)).toBe(1_600_000_000_000);
  });

  test("keeps its versions, which can be read, listed and restored", async () => {
    for (const text of ["one", "two", "three"]) await putText(cluster, "/v/notes.txt", text);
    expect(await textOf(cluster, "/v/notes.txt")).toBe("three");
    expect(await textOf(cluster, "/v/notes.txt@1")).toBe("one");
    expect((await cluster.rows<Row>(["versions", "/v/notes.txt"])).map(({ version }) => version).toSorted()).toEqual([1, 2, 3]);
    const [restored] = await cluster.rows<Row>(["restore", "/v/notes.txt@2"]);
    expect(restored).toMatchObject({ path: "/v/notes.txt", version: 4, sizeBytes: 3, deleted: false });
    expect(await textOf(cluster, "/v/notes.txt")).toBe("two");
    const [stat] = await cluster.rows<Row>(["stat", "/v/notes.txt"]);
    expect(stat?.version).toBe(4);
  });

  test("can be asked for in parts", async () => {
    await putText(cluster, "/range.txt", "0123456789");
    const { stdout } = await cluster.ok(["get", "/range.txt", "-", "--range", "2-4"]);
    expect(stdout.toString()).toBe("234");
  });

  test("changes on conditions only when they hold", async () => {
    await putText(cluster, "/cond", "a");
    await fails(cluster, Exit.PRECONDITION, ["put", "-", "/cond", "--if-absent"], { stdin: "x" });
    await fails(cluster, Exit.PRECONDITION, ["put", "-", "/cond", "--if-version", "7"], { stdin: "x" });
    await cluster.ok(["put", "-", "/cond", "--if-version", "1"], { stdin: "b" });
    expect(await textOf(cluster, "/cond")).toBe("b");
  });

  test("is gone after rm, lies in the trash, and comes back by restore", async () => {
    await putText(cluster, "/bin/file", "precious");
    await cluster.ok(["rm", "/bin/file"]);
    await fails(cluster, Exit.NOT_FOUND, ["cat", "/bin/file"]);
    await fails(cluster, Exit.NOT_FOUND, ["rm", "/bin/file"]);
    expect((await cluster.rows<Row>(["trash", "/bin"])).map(({ path }) => path)).toEqual(["/bin/file"]);
    await cluster.ok(["restore", "/bin/file@1"]);
    expect(await textOf(cluster, "/bin/file")).toBe("precious");
    expect(await cluster.rows<Row>(["trash", "/bin"])).toEqual([]);
  });

  test("is copied and moved, whatever its size", async () => {
    const bytes = bytesOf(5 * 2 ** 20, 77);
    await cluster.ok(["put", "-", "/mv/a"], { stdin: bytes });
    await cluster.ok(["cp", "/mv/a", "/mv/b"]);
    await cluster.ok(["mv", "/mv/a", "/mv/c"]);
    await fails(cluster, Exit.NOT_FOUND, ["stat", "/mv/a"]);
    for (const path of ["/mv/b", "/mv/c"]) expect((await cluster.ok(["cat", path])).stdout.equals(bytes)).toBe(true);
    // The copies do not depend on each other's chunks.
    await cluster.ok(["rm", "/mv/b"]);
    expect((await cluster.ok(["cat", "/mv/c"])).stdout.equals(bytes)).toBe(true);
  });

  test("says how its result was come by when asked for less", async () => {
    const [early] = await cluster.rows<Row>(["put", "-", "/weak", "--ack", "1"], { stdin: "x" });
    expect(early?.guarantee).toBe("early-ack");
    using dir = scratch();
    const [eventual] = await cluster.rows<Row>(["get", "/range.txt", join(dir.path, "x"), "--consistency", "eventual"]);
    expect(eventual?.guarantee).toBe("eventual");
  });
});

describe("trees and listings", () => {
  test("a tree comes back identical, whatever its names", async () => {
    using dir = scratch();
    makeTree(join(dir.path, "in"), 120);
    await cluster.ok(["put", "-r", join(dir.path, "in"), "/tree"]);
    await cluster.ok(["get", "-r", "/tree", join(dir.path, "out")]);
    const [want, got] = [await treeOf(join(dir.path, "in")), await treeOf(join(dir.path, "out"))];
    expect(got).toEqual(want);
    const listed = (await cluster.rows<Row>(["ls", "-r", "/tree"])).filter(({ type }) => type === "file").map(({ path }) => path);
    expect(listed.toSorted()).toEqual(
      Object.keys(want)
        .map((path) => `/tree/${path}`)
        .toSorted(),
    );
    expect(listed).toEqual(listed.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  test("every put that returned is in the next listing", async () => {
    for (let index = 0; index < 8; index++) {
      await putText(cluster, `/fresh/${index}`, "x");
      expect((await cluster.rows<Row>(["ls", "/fresh"])).length).toBe(index + 1);
    }
  });

  test("pages of a listing join up", async () => {
    const all = (await cluster.rows<Row>(["ls", "-r", "/tree"])).map(({ path }) => path);
    const paged: string[] = [];
    for (;;) {
      const after = paged.at(-1);
      const page = await cluster.rows<Row>([
        "ls",
        "-r",
        "/tree",
        "--limit",
        "50",
        ...(after === undefined ? [] : ["--after", after]),
      ]);
      if (page.length === 0) break;
      paged.push(...page.map(({ path }) => path));
    }
    expect(paged).toEqual(all);
  });

  test("symbolic links are skipped with a notice", async () => {
    using dir = scratch();
    mkdirSync(join(dir.path, "t"));
    writeFileSync(join(dir.path, "t", "real"), "x");
    symlinkSync("/etc/passwd", join(dir.path, "t", "link"));
    const { stderr } = await cluster.ok(["put", "-r", join(dir.path, "t"), "/links"]);
    expect(stderr).toContain("link");
    expect((await cluster.rows<Row>(["ls", "/links"])).map(({ path }) => path)).toEqual(["/links/real"]);
  });

  test("du adds up", async () => {
    await cluster.ok(["put", "-", "/du/a"], { stdin: Buffer.alloc(1000) });
    await cluster.ok(["put", "-", "/du/b/c"], { stdin: Buffer.alloc(500) });
    const [row] = await cluster.rows<{ files: number; sizeBytes: number; storedBytes: number }>(["du", "/du"]);
    expect(row).toMatchObject({ files: 2, sizeBytes: 1500 });
    expect(row?.storedBytes).toBeGreaterThanOrEqual(3000);
  });
});

describe("questions about the cluster", () => {
  test("status, nodes, stat and explain tell where things are", async () => {
    await putText(cluster, "/where", "x");
    const status = await cluster.status();
    expect(status).toMatchObject({ state: "ok", quorum: { n: 3, w: 2, r: 2 }, alarms: [] });
    expect((await cluster.rows<{ id: string; state: string }>(["nodes"])).map(({ state }) => state)).toEqual(["up", "up", "up"]);
    const [stat] = await cluster.rows<{ replicas: { node: string; state: string }[] }>(["stat", "/where"]);
    expect(stat?.replicas.map(({ node }) => node).toSorted()).toEqual(["dn-1", "dn-2", "dn-3"]);
    for (const verb of ["get", "put"]) expect((await cluster.ok(["explain", verb, "/where"])).stdout.toString()).toContain("dn-");
    for (const text of ["status", "nodes"]) expect((await cluster.ok([text])).stdout.toString()).toContain("dn-1");
  });

  test("with three copies on three nodes each node holds every file", async () => {
    const all = (await cluster.rows<Row>(["ls", "-r", "/tree"])).length;
    for (const node of ["dn-1", "dn-2", "dn-3"])
      expect((await cluster.rows<Row>(["ls", "-r", "/tree", "--node", node])).length).toBe(all);
  });
});

describe("bad input", () => {
  const cases: readonly (readonly [string, Exit, readonly string[]])[] = [
    ["an empty path", Exit.USAGE, ["put", "-", ""]],
    ["a path with ..", Exit.USAGE, ["put", "-", "/a/../b"]],
    ["a path with a control character", Exit.USAGE, ["put", "-", "/a\nb"]],
    ["a path too long", Exit.USAGE, ["put", "-", `/${"x".repeat(1100)}`]],
    ["more acknowledgements than copies", Exit.USAGE, ["put", "-", "/x", "--ack", "9"]],
    ["an unknown command", Exit.USAGE, ["frobnicate"]],
    ["an unknown flag", Exit.USAGE, ["ls", "--frobnicate"]],
    ["a local file that is missing", Exit.LOCAL, ["put", "/no/such/file", "/x"]],
    ["a device", Exit.LOCAL, ["put", "/dev/zero", "/x"]],
    ["a directory without -r", Exit.LOCAL, ["put", "/tmp", "/x"]],
    ["a file that is missing", Exit.NOT_FOUND, ["get", "/nope", "-"]],
    ["a version that is missing", Exit.NOT_FOUND, ["cat", "/range.txt@99"]],
    ["a mix that is none", Exit.USAGE, ["bench", "--mix", "nonsense"]],
    ["a size that is none", Exit.USAGE, ["bench", "--size", "0"]],
    ["a check of contents too short to tell apart", Exit.USAGE, ["bench", "--check", "--size", "4"]],
  ];
  for (const [what, exit, args] of cases)
    test(`${what} is refused with exit ${exit}`, () => fails(cluster, exit, args, { stdin: "x" }));

  test("a failing command with --json ends with one line of error", async () => {
    const { stderr } = await fails(cluster, Exit.NOT_FOUND, ["cat", "/nope", "--json"]);
    expect(JSON.parse(stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({ error: { code: "NOT_FOUND", retry: "never" } });
  });

  test("a cluster that is not there is said within five seconds", async () => {
    const beganMs = performance.now();
    await fails(cluster, Exit.UNAVAILABLE, ["ls"], { env: { QDFS_SUPERNODE: "127.0.0.1:9" } });
    expect(performance.now() - beganMs).toBeLessThan(5_500);
  });
});
