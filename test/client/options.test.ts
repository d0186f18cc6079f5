/** What no message can carry is refused by its name, before anything is sent: on the wire it would break the session. */
import { expect, test } from "bun:test";
import type { GetOptions, PutOptions, RemoveOptions } from "../../src/client/types.ts";
import { testCluster } from "./fakes.ts";

const LONE = "\ud800";

test.each<[string, PutOptions]>([
  ["modifiedAtMs", { modifiedAtMs: 9e18 }],
  ["modifiedAtMs", { modifiedAtMs: Number.NaN }],
  ["mode", { mode: -1 }],
  ["mode", { mode: 0o10000 }],
  ["contentType", { contentType: LONE }],
  ["by", { by: LONE }],
  ["metadata", { metadata: { [LONE]: "" } }],
  ["metadata", { metadata: { a: LONE } }],
  ["ifVersion", { ifVersion: { version: 1, random: LONE } }],
  ["timeoutMs", { timeoutMs: 0 }],
  ["timeoutMs", { timeoutMs: Number.NaN }],
  ["timeoutMs", { timeoutMs: Number.POSITIVE_INFINITY }],
])("a put whose %s cannot be is refused: %j", async (name, options) => {
  const c = testCluster();
  const client = await c.client();
  const error = await c.failure(client.put("/f", new Uint8Array(3), options));
  expect([error.code, error.message]).toEqual(["BAD_USAGE", expect.stringContaining(name)]);
  expect(c.sessions.calls).toEqual([]);
});

test("so is a read, a removal or a restoration", async () => {
  const c = testCluster();
  const client = await c.client();
  const gets: readonly GetOptions[] = [{ version: -1 }, { version: 0.5 }, { version: 2 ** 53 }, { timeoutMs: -1 }];
  const removals: readonly RemoveOptions[] = [{ by: LONE }, { timeoutMs: 0.5 }];
  const calls = [
    ...gets.map((options) => client.get("/f", options)),
    ...gets.map((options) => client.stat("/f", options)),
    ...removals.map((options) => client.remove("/f", options)),
    client.restore("/f", 1, { by: LONE }),
    client.copy("/f", "/g", { by: LONE }),
  ];
  for (const call of calls) expect((await c.failure(call)).code).toBe("BAD_USAGE");
  expect(c.sessions.calls).toEqual([]);
});
