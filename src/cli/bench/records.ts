/**
 * What client processes write down of their operations while they measure, and how it becomes one history afterwards: nothing goes
 * through the parent meanwhile. The files have no names, so nothing is left of them however the processes end.
 */
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Observer, Operation } from "../../bench/observer.ts";
import type { RecordedListing } from "../../check/history.ts";
import { LineFile, readLines } from "../line-file.ts";
import { asLocalFailure } from "../local-failure.ts";
import type { ClockBounds } from "./clock-bounds.ts";

type Record = { readonly operation: Operation } | { readonly listing: RecordedListing };

/** An open file without a name, to be read and written. @throws QdfsError LOCAL_FILE */
export function namelessFile(): number {
  const parent = tmpdir();
  try {
    const dir = mkdtempSync(join(parent, "qdfs-bench-"));
    try {
      return openSync(join(dir, "record"), "w+");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  } catch (error) {
    throw asLocalFailure(error, parent);
  }
}

/** The child's side: moments count from the beginning of its clock. */
export class Recorder implements Observer {
  readonly #file: LineFile;
  readonly listing?: (listing: RecordedListing) => void;

  constructor(descriptor: number, withListings: boolean) {
    this.#file = new LineFile("the record of operations", descriptor);
    if (withListings) this.listing = (listing) => this.#write({ listing });
  }

  operation(operation: Operation): void {
    this.#write({ operation });
  }

  /** Everything is in the file when it returns. @throws QdfsError LOCAL_FILE */
  flush(): void {
    this.#file.flush();
  }

  #write(record: Record): void {
    this.#file.write(JSON.stringify(record));
  }
}

export interface Source {
  readonly descriptor: number;
  readonly clock: ClockBounds;
}

/**
 * Shows all records in the order of their ends, in the asking process's time since `originMs`: no call later and no return
 * earlier than it was.
 */
export async function replay(sources: readonly Source[], observer: Observer, originMs: number): Promise<void> {
  const streams = sources.map((source) => recordsOf(source, originMs));
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let [first, firstEndNs] = [-1, Number.POSITIVE_INFINITY];
    for (const [index, head] of heads.entries()) {
      if (head.done === true) continue;
      const endNs = endOf(head.value);
      if (endNs < firstEndNs) [first, firstEndNs] = [index, endNs];
    }
    const [head, stream] = [heads[first], streams[first]];
    if (head === undefined || stream === undefined || head.done === true) return;
    if ("operation" in head.value) observer.operation(head.value.operation);
    else observer.listing?.(head.value.listing);
    heads[first] = await stream.next();
  }
}

async function* recordsOf({ descriptor, clock }: Source, originMs: number): AsyncGenerator<Record, undefined> {
  const timed = <Timed extends { readonly callNs: number; readonly returnNs: number }>(recorded: Timed): Timed => ({
    ...recorded,
    callNs: Math.floor((clock.earliestMs(recorded.callNs / 1e6) - originMs) * 1e6),
    returnNs: Math.ceil((clock.latestMs(recorded.returnNs / 1e6) - originMs) * 1e6),
  });
  for await (const line of readLines("the record of operations", descriptor)) {
    const record: Record = JSON.parse(line);
    yield "operation" in record ? { operation: timed(record.operation) } : { listing: timed(record.listing) };
  }
}

function endOf(record: Record): number {
  return "operation" in record ? record.operation.returnNs : record.listing.returnNs;
}

export function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}
