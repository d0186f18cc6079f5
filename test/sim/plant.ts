/** `bun --preload test/sim/plant.ts …` with QDFS_PLANT=NAME: loads the sources with one planted bug, and refuses when it does not fit. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HARMLESS, PLANTED_BUGS } from "./planted-bugs.ts";

const ROOT = join(import.meta.dir, "..", "..");
const name = process.env.QDFS_PLANT ?? "";
const bug = [...PLANTED_BUGS, ...HARMLESS].find((candidate) => candidate.name === name);
if (bug === undefined) throw new Error(`there is no planted bug ${JSON.stringify(name)}`);

const files = new Map<string, string>();
for (const { file, find, replace } of bug.edits) {
  const path = join(ROOT, file);
  const text = files.get(path) ?? readFileSync(path, "utf8");
  const pieces = text.split(find);
  if (pieces.length !== 2) throw new Error(`${name}: ${file} has ${pieces.length - 1} times, not once: ${find}`);
  files.set(path, pieces.join(replace));
}

Bun.plugin({
  name: "plant",
  setup: (build) => {
    const filter = new RegExp(`(${[...files.keys()].map((path) => path.replaceAll(/[.\\/+]/g, "\\$&")).join("|")})$`);
    build.onLoad({ filter }, ({ path }) => ({ contents: files.get(path) ?? readFileSync(path, "utf8"), loader: "ts" }));
  },
});
