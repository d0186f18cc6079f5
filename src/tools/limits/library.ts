/** The library under load, in a process of its own (library-load.ts). */
import { runScript } from "./scripts.ts";

export interface LibraryLoad {
  readonly kind: "put" | "get";
  readonly directory: string;
  readonly files: number;
  readonly sizeBytes: number;
  readonly inFlight: number;
  /** Of files drawn at random; undefined: each of them once. */
  readonly gets?: number;
}

const LOAD_MS = 1_200_000;

/** Operations per second, from connecting to the last answer. */
export async function libraryRate(address: string, load: LibraryLoad): Promise<number> {
  const { kind, directory, files, sizeBytes, inFlight, gets } = load;
  const args = [address, kind, directory, files, sizeBytes, inFlight, ...(gets === undefined ? [] : [gets])];
  return (await runScript<{ readonly perSec: number }>("library-load.ts", args, LOAD_MS)).perSec;
}
