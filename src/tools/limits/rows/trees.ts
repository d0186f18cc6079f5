/** `put -r` and `get -r` of many small files against the library with the same sizes and as many at a time. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FILES_IN_FLIGHT } from "../../../limits.ts";
import { type Experiment, inTurn } from "../experiment.ts";
import type { Lab } from "../lab.ts";
import { libraryRate } from "../library.ts";

const FILES = 10_000;
const FILES_PER_DIRECTORY = 100;
const SIZE_BYTES = 4096;

export function treeExperiments(lab: Lab): readonly Experiment[] {
  const tree = join(lab.dir, "tree");
  /** One per round, all removed at the end: a file system that has just lost thousands of files is slow to make new ones. */
  const copies = lab.directory("copies");
  const command = async (...args: readonly string[]) => {
    const product = await lab.product();
    const beganMs = performance.now();
    await product.run(...args, "-q");
    return (FILES / (performance.now() - beganMs)) * 1000;
  };
  const library = async (kind: "put" | "get", directory: string) =>
    await libraryRate((await lab.product()).address, {
      kind,
      directory,
      files: FILES,
      sizeBytes: SIZE_BYTES,
      inFlight: FILES_IN_FLIGHT,
    });
  return [
    {
      rows: [
        { name: "put -r 10000 x 4 KiB", unit: "1/s, library", target: 0.5, lowerIsBetter: false },
        { name: "get -r 10000 x 4 KiB", unit: "1/s, library", target: 0.5, lowerIsBetter: false },
      ],
      prepare: async () => {
        makeTree(tree);
        await lab.product();
      },
      round: async (index) => {
        const [putOurs, putReference] = await inTurn(
          index,
          () => command("put", "-r", tree, `/trees/${index}`),
          () => library("put", `/library/${index}`),
        );
        const [getOurs, getReference] = await inTurn(
          index,
          () => command("get", "-r", `/trees/${index}`, join(copies, String(index))),
          () => library("get", `/library/${index}`),
        );
        return [
          { ours: putOurs, reference: putReference },
          { ours: getOurs, reference: getReference },
        ];
      },
      finish: async () => {
        for (const directory of [tree, copies]) rmSync(directory, { recursive: true, force: true });
      },
    },
  ];
}

function makeTree(root: string): void {
  const content = Buffer.alloc(SIZE_BYTES, 9);
  for (let index = 0; index < FILES; index++) {
    const directory = join(root, String(Math.floor(index / FILES_PER_DIRECTORY)).padStart(3, "0"));
    if (index % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
    content.writeUInt32LE(index);
    writeFileSync(join(directory, `file-${index}`), content);
  }
}
