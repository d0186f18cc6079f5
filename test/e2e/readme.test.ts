/** README.md's tour, run as it stands there. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { BINARY, PATIENCE_MS, scratch, startCluster } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const README = readFileSync(resolve(import.meta.dir, "../../README.md"), "utf8");

test(
  "every line of the tour in README.md works for a newcomer",
  async () => {
    const tour = /^```sh tour\n(.*?)^```$/ms.exec(README)?.[1];
    if (tour === undefined) throw new Error("README.md has no tour");
    using dir = scratch();
    const cluster = await startCluster();
    try {
      const env = { ...cluster.env, PATH: `${dirname(BINARY)}:${process.env.PATH}` };
      const shell = Bun.spawn(["bash", "-euo", "pipefail", "-c", tour], { cwd: dir.path, env, stdout: "pipe", stderr: "pipe" });
      const [stdout, stderr] = await Promise.all([new Response(shell.stdout).text(), new Response(shell.stderr).text()]);
      expect([await shell.exited, stderr]).toEqual([0, expect.any(String)]);
      for (const shown of ["hello, quorum", "exit code 4", "identical", "linearizable", "early-ack", "balanced"]) {
        expect(stdout + stderr).toContain(shown);
      }
    } finally {
      await cluster.stop();
    }
  },
  PATIENCE_MS,
);

test("the commands that README.md begins with are the package's scripts", () => {
  const { scripts } = JSON.parse(readFileSync(resolve(import.meta.dir, "../../package.json"), "utf8"));
  const named = [...README.matchAll(/npm (?:run )?(demo|test|build|check)\b/g)].map((match) => match[1]);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
});
