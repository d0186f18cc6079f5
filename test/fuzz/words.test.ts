/** Paths, quantities, addresses, quorums, and whatever else is one word on a command line. */
import { describe, expect } from "bun:test";
import fc from "fast-check";
import { parseNodeName } from "../../src/base/ids.ts";
import {
  baseName,
  isFilePath,
  joinPath,
  parseDirectoryPath,
  parseFilePath,
  parseVersionedPath,
  ROOT,
} from "../../src/base/path.ts";
import {
  formatAddress,
  formatCount,
  formatDuration,
  formatSize,
  parseAddress,
  parseAddresses,
  parseCount,
  parseDuration,
  parseSize,
} from "../../src/base/units.ts";
import { compareUtf8 } from "../../src/base/utf8-order.ts";
import { planOf } from "../../src/bench/plan.ts";
import { parseConsistency, parseRange } from "../../src/cli/options.ts";
import { parseTarget, segmentsBelow } from "../../src/cli/targets.ts";
import { parseVersionCondition } from "../../src/cli/version-condition.ts";
import { parseQuorumSpec, QUORUM_DEFAULT } from "../../src/cluster/quorum-spec.ts";
import { PATH_BYTES_MAX, REPLICAS_MAX } from "../../src/limits.ts";
import { fuzzing, outcomeOf, valueOr } from "./fuzz.ts";
import { anyText, changed, filePath } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const anyPath = fc.oneof(anyText, changed(filePath), filePath);

describe("paths", () => {
  fuzz("a text is a path in its one form, or BAD_PATH", anyPath, (text) => {
    const path = valueOr(
      outcomeOf(() => parseFilePath(text)),
      "BAD_PATH",
    );
    expect(isFilePath(text)).toBe(path === text);
    if (path === undefined) return;
    expect(parseFilePath(path)).toBe(path);
    expect(path.normalize("NFC")).toBe(path);
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(PATH_BYTES_MAX);
    expect(Buffer.from(path).toString()).toBe(path);
    expect(path).not.toMatch(/\p{Cc}|\/\/|\/\.{1,2}(\/|$)|\/$/u);
    expect(parseDirectoryPath(`${path}/`)).toBe(path);
    expect(parseTarget(text).path).toBe(path);
  });

  fuzz("a directory is the root, or what a file could be called", anyPath, (text) => {
    const path = valueOr(
      outcomeOf(() => parseDirectoryPath(text)),
      "BAD_PATH",
    );
    if (path === undefined || path === ROOT) return;
    expect(parseFilePath(path)).toBe(path);
    expect(parseDirectoryPath(path)).toBe(path);
  });

  fuzz("a versioned path is a path and a number", fc.tuple(anyPath, fc.option(fc.nat())), ([text, suffix]) => {
    const written = suffix === null ? text : `${text}@${suffix}`;
    const found = valueOr(
      outcomeOf(() => parseVersionedPath(written)),
      "BAD_PATH",
    );
    if (found === undefined) return;
    expect(isFilePath(found.path)).toBe(true);
    expect(Number.isSafeInteger(found.version) && found.version >= 0).toBe(true);
    if (suffix !== null && suffix > 0) expect(found).toEqual({ path: parseFilePath(text), version: suffix });
  });

  fuzz("what stands below a directory is joined and taken apart again", fc.tuple(filePath, filePath), ([directory, below]) => {
    const joined = valueOr(
      outcomeOf(() => joinPath(directory, below.slice(1))),
      "BAD_PATH",
    );
    if (joined === undefined) return;
    expect(segmentsBelow(directory, joined).join("/")).toBe(below.slice(1));
    expect(joined.endsWith(`/${baseName(joined)}`)).toBe(true);
    expect(segmentsBelow(ROOT, joined)).toEqual(joined.slice(1).split("/"));
  });

  fuzz("a listing's paths are trusted with nothing outside their directory", fc.tuple(filePath, anyPath), ([directory, path]) => {
    const segments = valueOr(
      outcomeOf(() => segmentsBelow(directory, path)),
      "BAD_PATH",
    );
    for (const segment of segments ?? []) expect(["", ".", ".."]).not.toContain(segment);
  });

  fuzz("order is that of the bytes", fc.tuple(anyText, anyText), ([a, b]) => {
    for (const [one, other] of [
      [a, b],
      [`${a}${b}`, `${a}x`],
    ] as const) {
      expect(Math.sign(compareUtf8(one, other))).toBe(Buffer.compare(Buffer.from(one), Buffer.from(other)));
    }
  });
});

describe("quantities", () => {
  const sizes = fc
    .tuple(fc.nat(2 ** 40), fc.constantFrom("", "B", "KiB", "k", "MiB", "GB", " TiB"))
    .map(([n, unit]) => `${n}${unit}`);
  const durations = fc.tuple(fc.nat(1e6), fc.constantFrom("", "ms", "s", "m", "min", "h", "d")).map(([n, unit]) => `${n}${unit}`);
  const anyQuantity = fc.oneof(anyText, changed(sizes), changed(durations), sizes, durations);

  fuzz("a text is a whole number of bytes and of milliseconds, or BAD_USAGE", anyQuantity, (text) => {
    for (const parse of [parseSize, parseDuration]) {
      const value = valueOr(
        outcomeOf(() => parse(text)),
        "BAD_USAGE",
      );
      if (value === undefined) continue;
      expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
      expect(parse(` ${text} `)).toBe(value);
    }
  });

  fuzz("sizes and durations in their smallest unit are what they say", fc.maxSafeNat(), (count) => {
    if (count >= 1e15) return;
    expect([parseSize(String(count)), parseSize(`${count}b`), parseDuration(`${count}ms`)]).toEqual([count, count, count]);
  });

  fuzz("a count keeps its bounds", fc.tuple(anyText, fc.nat(1000), fc.nat(1000)), ([text, a, b]) => {
    const [min, max] = [Math.min(a, b), Math.max(a, b)];
    const value = valueOr(
      outcomeOf(() => parseCount(text, "--flag", min, max)),
      "BAD_USAGE",
    );
    if (value !== undefined) expect(value >= min && value <= max && Number.isInteger(value)).toBe(true);
    expect(parseCount(String(min), "--flag", min, max)).toBe(min);
  });

  fuzz("every number is shown", fc.double(), (number) => {
    for (const shown of [formatSize(number), formatDuration(number), formatCount(number)]) expect(shown).not.toBe("");
  });
});

describe("addresses", () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  const port = fc.integer({ min: 1, max: 65_535 });
  const address = fc.tuple(host, port).map(([name, number]) => formatAddress(name, number));

  fuzz("an address comes out as it was made", fc.tuple(host, port), ([name, number]) => {
    expect(parseAddress(formatAddress(name, number))).toEqual({ host: name, port: number });
  });

  fuzz(
    "a text is a list of addresses, or BAD_USAGE",
    fc.oneof(anyText, changed(address), changed(fc.tuple(address, address).map(String))),
    (text) => {
      const found = valueOr(
        outcomeOf(() => parseAddresses(text)),
        "BAD_USAGE",
      );
      if (found === undefined) return;
      expect(found.length).toBeGreaterThan(0);
      expect(parseAddresses(found.join())).toEqual(found);
    },
  );

  fuzz("a node's name is its number", fc.oneof(anyText, changed(fc.nat().map((number) => `dn-${number}`))), (text) => {
    const number = parseNodeName(text);
    if (number !== undefined) expect([`dn-${number}`, String(number)]).toContain(text);
  });
});

describe("flags of one word", () => {
  const spec = fc.oneof(
    fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)).map(([n, w, r]) => `n=${n},w=${w},r=${r}`),
    fc
      .tuple(fc.constantFrom("majority", "read-optimized", "write-optimized", "adaptive"), fc.nat(9))
      .map(([name, n]) => `${name},n=${n}`),
    fc.constant(QUORUM_DEFAULT),
  );

  fuzz("a quorum intersects, or is BAD_QUORUM", fc.oneof(anyText, spec, changed(spec)), (text) => {
    const quorum = valueOr(
      outcomeOf(() => parseQuorumSpec(text)),
      "BAD_QUORUM",
    );
    if (quorum === undefined) return;
    const { n, w, r } = quorum;
    expect(n >= 1 && n <= REPLICAS_MAX && w >= 1 && w <= n && r >= 1 && r <= n && r + w > n).toBe(true);
    expect(parseQuorumSpec(`n=${n},w=${w},r=${r}`)).toMatchObject({ n, w, r });
  });

  fuzz(
    "a range is two numbers in order, or BAD_USAGE",
    fc.oneof(anyText, changed(fc.tuple(fc.nat(), fc.nat()).map((ends) => ends.join("-")))),
    (text) => {
      const range = valueOr(
        outcomeOf(() => parseRange(text)),
        "BAD_USAGE",
      );
      if (range === undefined) return;
      expect(Number.isSafeInteger(range.start) && range.start >= 0 && range.end >= range.start).toBe(true);
    },
  );

  fuzz(
    "a version condition is a version, and perhaps an operation",
    fc.oneof(anyText, changed(fc.constantFrom("3", "3#0123456789abcdef"))),
    (text) => {
      const condition = valueOr(
        outcomeOf(() => parseVersionCondition(text)),
        "BAD_USAGE",
      );
      if (condition === undefined) return;
      const { version, random } = condition;
      expect([String(version), `${version}#${random}`]).toContain(text.replace(/^0+/, ""));
    },
  );

  fuzz("a consistency is one of two", anyText, (text) => {
    const level = valueOr(
      outcomeOf(() => parseConsistency(text)),
      "BAD_USAGE",
    );
    if (level !== undefined) expect(level).toBe(text === "strong" ? "strong" : "eventual");
  });

  const some = fc.option(
    fc.oneof(
      anyText,
      fc.nat(100_000).map(String),
      fc.constantFrom("4KiB", "1KiB-2KiB", "10s", "1ms", "put", "balanced", "zipfian"),
    ),
    { nil: undefined },
  );
  const flags = fc.record(
    {
      mix: some,
      only: some,
      clients: some,
      inFlight: some,
      duration: some,
      size: some,
      files: some,
      rate: some,
      procs: some,
      warmUp: some,
      keys: some,
    },
    { requiredKeys: [] },
  );

  fuzz("a bench is planned within its bounds, or BAD_USAGE", flags, (given) => {
    const plan = valueOr(
      outcomeOf(() => planOf({ ...given, cleanup: false, history: false })),
      "BAD_USAGE",
    );
    if (plan === undefined) return;
    for (const number of [plan.clients, plan.inFlight, plan.durationMs, plan.warmUpMs, plan.procs, plan.files]) {
      expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
    }
  });
});
