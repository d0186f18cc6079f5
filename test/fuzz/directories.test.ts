/** What lies in directories: identities, data directories, cached maps, whoever wrote or damaged them. */
import { afterAll, describe, expect } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { defaultCacheDir, FileMapCache } from "../../src/client/map-cache-files.ts";
import { checkedMap } from "../../src/cluster/check-map.ts";
import { openDataDir } from "../../src/storage/data-dir.ts";
import { readIdentity, writeIdentity } from "../../src/storage/identity.ts";
import { mapCodec } from "../../src/wire/codec.ts";
import { fuzzing, outcomeOf, valueOr } from "./fuzz.ts";
import { changedBytes, clusterMap } from "./messages.ts";
import { anyText, changed, nasty } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const root = mkdtempSync(join(tmpdir(), "qdfs-fuzz-disk-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let serial = 0;
const fresh = () => join(root, `${++serial}`);
const random = { unit: () => 0.5, hex: (digits: number) => "ab".repeat(digits).slice(0, digits) };
const DISK = "abababababababab";

const identity = fc.record({
  role: fc.constantFrom("datanode" as const, "supernode" as const),
  clusterId: fc.constantFrom("", "c1"),
  node: fc.nat(3),
  diskId: fc.constant(DISK),
});
const identityText = fc.oneof(
  changed(identity.map((value) => JSON.stringify({ format: 1, ...value }))),
  fc
    .record({
      format: fc.jsonValue(),
      role: fc.jsonValue(),
      clusterId: fc.jsonValue(),
      node: fc.jsonValue(),
      diskId: fc.jsonValue(),
    })
    .map((value) => JSON.stringify(value)),
  fc.json(),
  anyText,
);

describe("an identity", () => {
  fuzz(
    "is read as it was written",
    identity,
    (value) => {
      const path = fresh();
      mkdirSync(path);
      writeIdentity(path, value);
      const read = valueOr(
        outcomeOf(() => readIdentity(path)),
        "DATA_DIR_UNUSABLE",
      );
      const sane = value.role === "supernode" ? value.node === 0 : (value.clusterId === "") === (value.node === 0);
      expect(read).toEqual(sane ? value : undefined);
    },
    { runs: 40 },
  );

  fuzz("that anybody wrote is one, or damaged", identityText, (text) => {
    const path = fresh();
    mkdirSync(path);
    writeFileSync(join(path, "identity.json"), text);
    const read = valueOr(
      outcomeOf(() => readIdentity(path)),
      "DATA_DIR_UNUSABLE",
    );
    if (read !== undefined) expect(JSON.parse(text)).toMatchObject({ ...read });
    rmSync(path, { recursive: true });
  });
});

describe("a data directory", () => {
  type Entry = { readonly kind: "file"; readonly bytes: Uint8Array } | { readonly kind: "directory" | "link" };
  const names = [
    "identity.json",
    "identity.json.new",
    "lock.db",
    "node.db",
    "map.db",
    "node.db-wal",
    "chunks",
    "lost+found",
    "thesis.tex",
  ] as const;
  const valid = JSON.stringify({ format: 1, role: "datanode", clusterId: "", node: 0, diskId: DISK });
  const bytes = fc.oneof(
    fc.constant(new Uint8Array(0)),
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(valid, "SQLite format 3\0").map((text) => Buffer.from(text)),
  );
  const entry: fc.Arbitrary<Entry> = fc.oneof(
    { weight: 4, arbitrary: bytes.map((content): Entry => ({ kind: "file", bytes: content })) },
    { weight: 1, arbitrary: fc.constantFrom<Entry>({ kind: "directory" }, { kind: "link" }) },
  );
  const tree = fc.dictionary(fc.constantFrom(...names), entry, { maxKeys: 4, noNullPrototype: true });

  function make(path: string, entries: Readonly<Record<string, Entry>>): void {
    mkdirSync(path);
    for (const [name, made] of Object.entries(entries)) {
      const file = join(path, name);
      if (made.kind === "file") writeFileSync(file, made.bytes);
      else if (made.kind === "directory") mkdirSync(file);
      else symlinkSync("nowhere", file);
    }
  }

  function contents(path: string): string[] {
    return readdirSync(path, { recursive: true }).map((name) => {
      const file = join(path, String(name));
      const kind = lstatSync(file);
      return `${name} ${kind.isFile() ? readFileSync(file).toString("hex") : kind.isSymbolicLink() ? readlinkSync(file) : "directory"}`;
    });
  }

  fuzz(
    "is opened, or refused with a code and left as it was",
    fc.tuple(tree, fc.constantFrom("datanode" as const, "supernode" as const)),
    ([entries, role]) => {
      const path = fresh();
      make(path, entries);
      const before = contents(path).sort();
      const opened = outcomeOf(() => openDataDir(path, role, random));
      if ("value" in opened) {
        expect(opened.value.identity.role).toBe(role);
        opened.value.close();
      } else {
        expect(["DATA_DIR_UNUSABLE", "DATA_DIR_LOCKED"]).toContain(opened.code);
        expect(contents(path).sort()).toEqual(before);
      }
      rmSync(path, { recursive: true });
    },
    { runs: 150 },
  );
});

describe("the map cache", () => {
  const content = fc.oneof(
    changed(
      clusterMap.map((map) => JSON.stringify({ format: 1, addresses: ["a:1"], map: mapCodec.encode(map).toString("base64") })),
    ),
    fc
      .record({
        format: fc.constant(1),
        addresses: fc.jsonValue(),
        map: changedBytes(clusterMap.map((map) => mapCodec.encode(map))).map((bytes) => Buffer.from(bytes).toString("base64")),
      })
      .map((value) => JSON.stringify(value)),
    anyText,
    fc.json(),
  );

  fuzz(
    "gives a map that can be gone by, or none, and keeps the next one",
    fc.tuple(fc.array(content, { maxLength: 3 }), clusterMap),
    async ([files, map]) => {
      const path = fresh();
      mkdirSync(path);
      for (const [index, text] of files.entries())
        writeFileSync(join(path, `${index === 0 ? map.clusterId : index}.map.json`), text);
      const cache = new FileMapCache(path, random);
      const found = await cache.find(["a:1", "127.0.0.1:7101"]);
      if (found !== undefined) expect(checkedMap(found)).toBe(found);
      await cache.keep(map, ["b:1"]);
      const kept = await cache.find(["b:1"]);
      expect(kept === undefined ? undefined : kept.clusterId).toBe(map.clusterId);
      rmSync(path, { recursive: true });
    },
    { runs: 60 },
  );

  fuzz(
    "has a place, whatever stands in the environment",
    fc.record({ XDG_CACHE_HOME: nasty, HOME: nasty }, { requiredKeys: [] }),
    (environment) => {
      expect(defaultCacheDir(environment).endsWith("qdfs")).toBe(true);
    },
  );
});
