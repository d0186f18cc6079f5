/** Links between network namespaces: echo servers in two of them, called from a third. Needs root or user namespaces. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { OWN_NAMESPACES, withAdminPath } from "../../../src/cli/chaos/own-namespaces.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const IN_ITS_OWN = ["unshare", ...OWN_NAMESPACES, "--"];
const env = withAdminPath(process.env);

function whyNot(): string {
  const refused = Bun.spawnSync([...IN_ITS_OWN, "ip", "link", "add", "name", "va", "type", "veth", "peer", "name", "vb"], {
    env,
  });
  return refused.exitCode === 0 ? "" : refused.stderr.toString().trim();
}

test("a cut between namespaces loses what is sent in that direction, handshakes too, and nothing else; TCP makes up for it afterwards", async () => {
  const missing = whyNot();
  if (missing !== "") {
    process.stderr.write(`SKIPPED: no network namespaces can be made here: ${missing}\n`);
    return;
  }
  const script = join(import.meta.dir, "in-namespaces.ts");
  await using run = Bun.spawn([...IN_ITS_OWN, process.execPath, script], { env, stdout: "pipe", timeout: 100_000 });
  expect(JSON.parse(await new Response(run.stdout).text())).toEqual({
    before: [true, true],
    there: false,
    other: true,
    handshake: false,
    afterwards: true,
    dialledAfterwards: true,
    back: false,
    backAfterwards: true,
    incidents: [],
  });
});
