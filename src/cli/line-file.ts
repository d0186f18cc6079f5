/** Local files of lines, written and read in large pieces so that a line costs next to nothing. */
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { messageOf, QdfsError } from "../base/errors.ts";
import { asLocalFailure, systemCodeOf } from "./local-failure.ts";

const BUFFER_CHARACTERS = 256 * 1024;

export class LineFile {
  readonly #path: string;
  readonly #descriptor: number;
  #buffer = "";

  /** Empties the file, or makes it; or takes one that is open. @throws QdfsError LOCAL_FILE */
  constructor(path: string, descriptor?: number) {
    this.#path = path;
    this.#descriptor = descriptor ?? this.#attempt(() => openSync(path, "w"));
  }

  /** @throws QdfsError LOCAL_FILE (disk full, …), now or at a later line */
  write(line: string): void {
    this.#buffer += `${line}\n`;
    if (this.#buffer.length >= BUFFER_CHARACTERS) this.flush();
  }

  /** @throws QdfsError LOCAL_FILE */
  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  /** @throws QdfsError LOCAL_FILE */
  flush(): void {
    const bytes = Buffer.from(this.#buffer);
    this.#buffer = "";
    this.#attempt(() => {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#descriptor, bytes, at);
    });
  }

  #attempt<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw new QdfsError("LOCAL_FILE", `cannot write ${this.#path}: ${messageOf(error)}`, { path: this.#path });
    }
  }
}

/** Makes the file if it is not there, and leaves it as it is if it is. @throws QdfsError LOCAL_FILE: it cannot be written */
export function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, "a"));
  } catch (error) {
    throw new QdfsError("LOCAL_FILE", `cannot write ${path}: ${messageOf(error)}`, { path });
  }
}

/**
 * Without their ends; a last line without an end is one, too. With a descriptor: of that open file, which stays open, from its
 * beginning.
 * @throws QdfsError LOCAL_FILE
 */
export async function* readLines(path: string, descriptor?: number): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  const which = descriptor === undefined ? {} : { fd: descriptor, start: 0, autoClose: false };
  try {
    for await (const piece of createReadStream(path, { highWaterMark: BUFFER_CHARACTERS, ...which })) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    throw systemCodeOf(error) === undefined ? error : asLocalFailure(error, path);
  }
  if (rest !== "") yield rest;
}
