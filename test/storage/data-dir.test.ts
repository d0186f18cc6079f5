import { afterAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksumOf } from "../../src/base/checksum.ts";
import { codeOf, messageOf } from "../../src/base/errors.ts";
import { type DataDir, openDataDir } from "../../src/storage/data-dir.ts";
import type { Role } from "../../src/storage/identity.ts";
import { SqliteMapStore } from "../../src/storage/map-store.ts";
import { SqliteNodeStore } from "../../src/storage/node-store.ts";
import { LARGE_PAGE_BYTES } from "../../src/storage/sqlite.ts";
import { acceptOf, writes } from "../conformance/node-store.ts";

const root = mkdtempSync(join(tmpdir(), "qdfs-data-dir-"));
afterAll(() => rmSync(root, { recursive: true }));

let serial = 0;
const fresh = () => join(root, `dir-${++serial}`);
const random = { unit: () => 0.5, hex: (digits: number) => "ab".repeat(digits).slice(0, digits) };
const open = (path: string, role: Role = "datanode") => openDataDir(path, role, random);

/** A member's directory as a crash leaves it: the write-ahead log is not folded in. */
async function member(): Promise<string> {
  const path = fresh();
  const directory = open(path);
  const store = SqliteNodeStore.open(directory.file("node.db"), directory.identity.diskId);
  directory.joinCluster("cluster-1", 3);
  await store.commit(writes({ accepts: [acceptOf("/a", 1)] }));
  const crashed = fresh();
  cpSync(path, crashed, { recursive: true });
  store.close();
  directory.close();
  return crashed;
}

/** Names, sizes, times of change and contents of everything in a directory. */
function contents(path: string): string[] {
  return readdirSync(path, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const stat = lstatSync(join(path, name));
      return `${name} ${stat.size} ${stat.isFile() ? `${stat.mtimeMs} ${checksumOf(readFileSync(join(path, name)))}` : ""}`;
    });
}

function refusal(path: string, role: Role = "datanode"): { code: string | undefined; message: string } {
  let directory: DataDir | undefined;
  try {
    directory = open(path, role);
  } catch (error) {
    return { code: codeOf(error), message: messageOf(error) };
  }
  directory.close();
  return { code: undefined, message: "it was opened" };
}

test("a new directory gets an identity that stays, and a member stays a member", () => {
  const path = fresh();
  const first = open(path);
  expect(first.identity).toEqual({ role: "datanode", clusterId: "", node: 0, diskId: "abababababababab" });
  SqliteNodeStore.open(first.file("node.db"), first.identity.diskId).close();
  first.joinCluster("cluster-1", 3);
  first.joinCluster("cluster-1", 3);
  expect(() => first.joinCluster("cluster-2", 3)).toThrow("belongs to cluster cluster-1");
  expect(() => first.joinCluster("cluster-1", 4)).toThrow("node 3");
  first.close();
  const second = open(path);
  expect(second.identity).toEqual({ role: "datanode", clusterId: "cluster-1", node: 3, diskId: "abababababababab" });
  second.close();
});

test("a first start that was cut short is begun again", () => {
  const path = fresh();
  mkdirSync(path);
  writeFileSync(join(path, "lock.db"), "");
  writeFileSync(join(path, "identity.json.new"), "{ half");
  expect(refusal(path).message).toBe("it was opened");
});

test("a SuperNode's directory is a member's once its map is there", () => {
  const path = fresh();
  const directory = open(path, "supernode");
  new SqliteMapStore(directory.file("map.db")).close();
  directory.joinCluster("cluster-1", 0);
  directory.close();
  expect(refusal(path, "supernode").message).toBe("it was opened");
  rmSync(join(path, "map.db"));
  expect(refusal(path, "supernode").message).toContain("this SuperNode lost its map");
});

test("a second opener is refused and told the directory, until the first one closes it", () => {
  const path = fresh();
  const first = open(path);
  const before = contents(path);
  const { code, message } = refusal(path);
  expect(code).toBe("DATA_DIR_LOCKED");
  expect(message).toContain(path);
  expect(contents(path)).toEqual(before);
  first.close();
  expect(refusal(path).message).toBe("it was opened");
});

test("the lock ends with its process, however that ends", async () => {
  const path = fresh();
  const script = `import { openDataDir } from ${JSON.stringify(join(import.meta.dir, "../../src/storage/data-dir.ts"))};
    globalThis.held = openDataDir(${JSON.stringify(path)}, "datanode", { unit: () => 0, hex: () => "00000000000000aa" });
    console.log("held"); setInterval(() => globalThis.held.path, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  await child.stdout.getReader().read();
  expect(refusal(path).code).toBe("DATA_DIR_LOCKED");
  child.kill("SIGKILL");
  await child.exited;
  expect(refusal(path).message).toBe("it was opened");
});

describe("a directory that cannot be used is refused with the reason and left as it was:", () => {
  const edit = (path: string, change: (identity: Record<string, unknown>) => unknown) => {
    const file = join(path, "identity.json");
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
  };
  const damage = (path: string, from: number, size: number) => {
    const bytes = readFileSync(path);
    bytes.fill(0xa5, from, from + size);
    writeFileSync(path, bytes);
  };
  const cases: Record<string, { reason: string; prepare: (path: string) => void; role?: Role }> = {
    "a newer format": {
      reason: "made by a newer qdfs",
      prepare: (path) => edit(path, (identity) => ({ ...identity, format: 2 })),
    },
    "another role": { reason: "it is a datanode's", prepare: () => {}, role: "supernode" },
    "an identity that is no JSON": { reason: "is damaged", prepare: (path) => writeFileSync(join(path, "identity.json"), "{") },
    "an identity that is null": { reason: "is damaged", prepare: (path) => edit(path, () => null) },
    "an identity without a disk": { reason: "is damaged", prepare: (path) => edit(path, ({ diskId: _, ...rest }) => rest) },
    "an identity of a node beyond all numbers": {
      reason: "is damaged",
      prepare: (path) => edit(path, (identity) => ({ ...identity, node: 1e300 })),
    },
    "a SuperNode's identity with a node's number": {
      reason: "is damaged",
      prepare: (path) => edit(path, (identity) => ({ ...identity, role: "supernode" })),
      role: "supernode",
    },
    "an empty identity": { reason: "is damaged", prepare: (path) => truncateSync(join(path, "identity.json"), 0) },
    "a lock that is a link to somewhere else": {
      reason: "lock.db is not a regular file",
      prepare: (path) => {
        rmSync(join(path, "lock.db"), { force: true });
        symlinkSync("elsewhere", join(path, "lock.db"));
      },
    },
    "a member without its database": { reason: "this node lost its votes", prepare: (path) => rmSync(join(path, "node.db")) },
    "a member with an empty database": {
      reason: "this node lost its votes",
      prepare: (path) => {
        for (const name of ["node.db", "node.db-wal"]) truncateSync(join(path, name), 0);
      },
    },
    "a member that was killed, without the log of its database": {
      reason: "node.db-wal is missing, which a killed process left here: this node lost its votes",
      prepare: (path) => rmSync(join(path, "node.db-wal")),
    },
    "a database without its identity": {
      reason: "identity.json is missing",
      prepare: (path) => rmSync(join(path, "identity.json")),
    },
    "somebody else's files": {
      reason: "not qdfs's (thesis.tex)",
      prepare: (path) => {
        for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
        writeFileSync(join(path, "thesis.tex"), "…");
      },
    },
    "a database of a newer format": {
      reason: "made by a newer qdfs",
      prepare: (path) => {
        SqliteNodeStore.open(join(path, "node.db"), "abababababababab").close();
        const bytes = readFileSync(join(path, "node.db"));
        bytes.writeUInt32BE(1000, 60); // SQLite's user_version
        writeFileSync(join(path, "node.db"), bytes);
      },
    },
    "a database that is none": {
      reason: "the database is damaged",
      prepare: (path) => {
        SqliteNodeStore.open(join(path, "node.db"), "abababababababab").close();
        damage(join(path, "node.db"), 0, 4096);
      },
    },
  };
  for (const [name, { reason, prepare, role }] of Object.entries(cases)) {
    test(name, async () => {
      const path = await member();
      prepare(path);
      const before = contents(path);
      const { code, message } = refusal(path, role);
      expect(message).toContain(reason);
      expect(message).toContain(path);
      expect(code).toBe("DATA_DIR_UNUSABLE");
      expect(contents(path)).toEqual(before);
    });
  }

  test("a database with a damaged page inside", async () => {
    const path = await member();
    SqliteNodeStore.open(join(path, "node.db"), "abababababababab").close();
    expect(existsSync(join(path, "node.db-wal"))).toBe(false);
    damage(join(path, "node.db"), 2 * LARGE_PAGE_BYTES, 2048);
    damage(join(path, "node.db"), 3 * LARGE_PAGE_BYTES, 2048);
    const before = contents(path);
    expect(refusal(path)).toMatchObject({
      code: "DATA_DIR_UNUSABLE",
      message: expect.stringContaining("the database is damaged"),
    });
    expect(contents(path)).toEqual(before);
  });

  test("a file in the directory's place", () => {
    const path = fresh();
    writeFileSync(path, "");
    expect(refusal(path)).toMatchObject({ code: "DATA_DIR_UNUSABLE", message: expect.stringContaining("not a directory") });
  });

  test("a place where no directory can be", () => {
    expect(refusal("/proc/qdfs-data").code).toBe("DATA_DIR_UNUSABLE");
  });
});

test("checking a sound directory changes nothing but its opening", async () => {
  const path = await member();
  const before = contents(path);
  open(path).close();
  expect(contents(path)).toEqual(before);
});

test("a member that was stopped in order needs no log", async () => {
  const path = await member();
  SqliteNodeStore.open(join(path, "node.db"), "abababababababab").close();
  expect(readdirSync(path).filter((name) => name.startsWith("node.db"))).toEqual(["node.db"]);
  open(path).close();
});

test("a database of another disk is refused", async () => {
  const path = await member();
  expect(() => SqliteNodeStore.open(join(path, "node.db"), "00000000000000ff")).toThrow("belongs to disk abababababababab");
});
