import { describe, expect, test } from "bun:test";
import {
  formatAddress,
  formatDuration,
  formatSize,
  parseAddress,
  parseAddresses,
  parseCount,
  parseDuration,
  parseSize,
} from "../../src/base/units.ts";
import { refusalOf } from "../refusal.ts";

describe("sizes", () => {
  test.each([
    ["0", 0],
    ["4096", 4096],
    ["4KiB", 4096],
    ["4 kib", 4096],
    ["4k", 4096],
    ["1.5MiB", 1_572_864],
    ["100GiB", 107_374_182_400],
    ["100GB", 100_000_000_000],
    ["2TiB", 2 ** 41],
  ])("%s is %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(["", "x", "-1", "4XiB", "KiB", "1e9", "99999999TiB", "4KiB4"])("%p is refused", (text) => {
    expect(refusalOf(() => parseSize(text))).toBe("BAD_USAGE");
  });

  test("are shown with a unit that fits", () => {
    expect([0, 999, 1024, 1_572_864, 300 * 2 ** 20, 2 ** 45].map(formatSize)).toEqual([
      "0 B",
      "999 B",
      "1.0 KiB",
      "1.5 MiB",
      "300 MiB",
      "32.0 TiB",
    ]);
  });
});

describe("durations", () => {
  test.each([
    ["250ms", 250],
    ["10s", 10_000],
    ["30", 30_000],
    ["0.5s", 500],
    ["5m", 300_000],
    ["1h", 3_600_000],
  ])("%s is %d ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test("are refused without a number or with an unknown unit", () => {
    expect(["", "s", "10 years", "-5s"].map((text) => refusalOf(() => parseDuration(text)))).toEqual(Array(4).fill("BAD_USAGE"));
  });

  test("are shown as people say them", () => {
    expect([0.84, 12.3, 3_400, 125_000].map(formatDuration)).toEqual(["0.8 ms", "12 ms", "3.4 s", "2 min 5 s"]);
    expect([600_000, 5_400_000, 604_800_000, 100_000_000].map(formatDuration)).toEqual([
      "10 min",
      "1 h 30 min",
      "7 d",
      "1 d 3 h",
    ]);
  });
});

describe("addresses", () => {
  test("keep what formatAddress made", () => {
    for (const [host, port] of [
      ["127.0.0.1", 7000],
      ["node-3.example", 1],
      ["::1", 65_535],
    ] as const) {
      expect(parseAddress(formatAddress(host, port))).toEqual({ host, port });
    }
  });

  test.each(["", "host", "host:", ":7000", "host:0", "host:65536", "a:b:7000", "::1:7000", "http://h:1", "h:7000/x"])(
    "%p is none",
    (text) => {
      expect(refusalOf(() => parseAddress(text))).toBe("BAD_USAGE");
    },
  );

  test("come in lists", () => {
    expect(parseAddresses("a:1, b:2")).toEqual(["a:1", "b:2"]);
    expect(refusalOf(() => parseAddresses("a:1,"))).toBe("BAD_USAGE");
  });
});

test("counts have bounds, and the refusal names the flag", () => {
  expect(parseCount("3", "--ack", 1, 7)).toBe(3);
  expect(refusalOf(() => parseCount("9", "--ack", 1, 7))).toBe("BAD_USAGE");
  expect(() => parseCount("9", "--ack", 1, 7)).toThrow('--ack takes a whole number from 1 to 7, not "9"');
  expect(refusalOf(() => parseCount("1.5", "--ack", 1))).toBe("BAD_USAGE");
});
