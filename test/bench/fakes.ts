import { QdfsError } from "../../src/base/errors.ts";
import type { Origin } from "../../src/bench/result.ts";
import type { BenchTarget } from "../../src/bench/target.ts";
import type { Timers } from "../../src/ports.ts";

export const ORIGIN: Origin = {
  version: "1.2.3",
  command: "qdfs bench --of tests",
  machine: { cores: 2, cpu: "a processor", memoryBytes: 8 * 2 ** 30, os: "an OS" },
};

/** A file system of one map; `delayMs` and `fault` are asked once per operation. */
export class FakeTarget implements BenchTarget {
  readonly files = new Map<string, { version: number; bytes: Uint8Array }>();
  readonly contents: Uint8Array[] = [];
  inFlight = 0;
  inFlightMax = 0;
  delayMs: () => number = () => 1;
  fault: (kind: string) => QdfsError | undefined = () => undefined;
  readonly #timers: Timers;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  put(path: string, bytes: Uint8Array) {
    return this.#operate("put", () => {
      const version = (this.files.get(path)?.version ?? 0) + 1;
      this.files.set(path, { version, bytes });
      this.contents.push(bytes);
      return { version, node: `dn-${(version % 2) + 1}` };
    });
  }

  get(path: string) {
    return this.#operate("get", () => {
      const file = this.files.get(path);
      if (file === undefined) throw new QdfsError("NOT_FOUND", `no such file: ${path}`);
      return { ...file, node: "dn-3" };
    });
  }

  list(node: string | null, each: (path: string, version: number) => void) {
    return this.#operate("ls", () => {
      for (const [path, { version }] of [...this.files].slice(node === null ? 0 : 1)) each(path, version);
      return true;
    });
  }

  remove(path: string) {
    return this.#operate("rm", () => {
      if (!this.files.delete(path)) throw new QdfsError("NOT_FOUND", `no such file: ${path}`);
    });
  }

  async describe() {
    return { quorum: { n: 3, w: 2, r: 2, name: "majority" }, nodes: ["dn-1", "dn-2", "dn-3"] };
  }

  async #operate<T>(kind: string, effect: () => T): Promise<T> {
    this.inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    try {
      await new Promise<void>((resolve) => void this.#timers.after(this.delayMs(), resolve));
      const fault = this.fault(kind);
      if (fault !== undefined) throw fault;
      return effect();
    } finally {
      this.inFlight--;
    }
  }
}
