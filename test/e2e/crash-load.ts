/** The load of the crash test: writers that each own their files, readers of anything, all through the client library. */
import { checksumOf } from "../../src/base/checksum.ts";
import { codeOf, isDefinite } from "../../src/base/errors.ts";
import type { Client } from "../../src/client/connect.ts";
import type { Random } from "../../src/ports.ts";
import type { CrashRecord } from "./crash-record.ts";

const WRITERS = 6;
const READERS = 2;
/** Files that a writer overwrites again and again; every third put makes a new one. */
const FILES_PER_WRITER = 3;
const ERROR_PAUSE_MS = 20;
/** Past the inline limit: in chunks. */
const LARGE_BYTES = 200_000;

export class CrashLoad {
  readonly #client: Client;
  readonly #random: Random;
  readonly #record: CrashRecord;
  readonly #loops: Promise<void>[];
  #stopped = false;
  #puts = 0;

  constructor(client: Client, random: Random, record: CrashRecord) {
    this.#client = client;
    this.#random = random;
    this.#record = record;
    this.#loops = Array.from({ length: WRITERS + READERS }, (_, index) => (index < WRITERS ? this.#write(index) : this.#read()));
  }

  /** Resolves when every operation under way has ended; rejects with what is no operating failure: a bug. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #write(writer: number): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const path = turn % 3 === 2 ? `/crash/new-${writer}-${turn}` : `/crash/own-${writer}-${turn % FILES_PER_WRITER}`;
      const bytes = this.#content();
      const checksum = checksumOf(bytes);
      const floor = this.#record.floor(path);
      try {
        const { version } = await this.#client.put(path, bytes);
        this.#record.put(path, floor, checksum, "ok", version);
      } catch (error) {
        const code = codeOf(error);
        if (code === undefined) throw error;
        this.#record.put(path, floor, checksum, isDefinite(code) ? "fail" : "unknown");
        await Bun.sleep(ERROR_PAUSE_MS);
      }
    }
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const paths = this.#record.paths();
      const path = paths[Math.floor(this.#random.unit() * paths.length)];
      if (path !== undefined) await readInto(this.#record, this.#client, path).catch(ignoreOperatingFailure);
      await Bun.sleep(2);
    }
  }

  /** Never the same twice. */
  #content(): Uint8Array {
    const turn = this.#puts++;
    const bytes = Buffer.alloc(turn % 12 === 0 ? LARGE_BYTES : 20 + (turn % 7) * 900, turn);
    bytes.writeUInt32LE(turn);
    return bytes;
  }
}

/** One strong read, recorded. Rejects when the file could not be read. */
export async function readInto(record: CrashRecord, client: Client, path: string): Promise<number> {
  const floor = record.floor(path);
  try {
    const { version, bytes } = await client.read(path);
    record.read(path, floor, version.version, checksumOf(bytes));
    return version.version;
  } catch (error) {
    if (codeOf(error) !== "NOT_FOUND") throw error;
    record.read(path, floor, 0, "");
    return 0;
  }
}

function ignoreOperatingFailure(error: unknown): void {
  if (codeOf(error) === undefined) throw error;
}
