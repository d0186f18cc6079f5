/** Writing one local file so that it is there whole or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { asLocalFailure } from "./local-failure.ts";

/** Makes the file, or takes the place of the one that is there; on stable storage when it returns. @throws QdfsError LOCAL_FILE */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const descriptor = openSync(temporary, "w", 0o600);
    try {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(descriptor, bytes, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asLocalFailure(error, path);
  }
}
