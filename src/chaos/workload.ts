/**
 * The load of a chaos run, through the client library: half reads, half changes of a few hot files: plain and conditional puts,
 * removals, files in chunks; and listings. Everything is recorded as it was called and as it ended.
 */
import { checksumOf } from "../base/checksum.ts";
import { assert, codeOf, type ErrorCode, isDefinite, messageOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { Precondition, RecordedListing, RecordedOperation, Refusal } from "../check/history.ts";
import type { Client } from "../client/client.ts";
import type { Runtime } from "../ports.ts";
import { Contents, valueIdOf } from "./contents.ts";
import { type Recorded, Round } from "./round.ts";
import { type Kind, Tally } from "./tally.ts";

export type ChaosClient = Pick<Client, "put" | "read" | "remove" | "versions" | "list" | "status" | "scrub" | "map">;

/** Files of a round: few, so that operations meet. */
const ROUND_FILES = 6;
const ROUND_MS = 12_000;
/** Of one round, whatever the rate: the checker's work grows with it. */
const ROUND_OPERATIONS_MAX = 3_000;

/** Parts of 100. */
const MIX: readonly (readonly [
  parts: number,
  what: "get" | "put" | "put-if-version" | "put-if-absent" | "rm" | "rm-if-version" | "ls",
])[] = [
  [46, "get"],
  [32, "put"],
  [8, "put-if-version"],
  [4, "put-if-absent"],
  [5, "rm"],
  [2, "rm-if-version"],
  [3, "ls"],
];

const REFUSALS: Partial<Record<ErrorCode, Refusal>> = {
  ALREADY_EXISTS: "exists",
  VERSION_DIFFERS: "version-differs",
  NOT_FOUND: "not-found",
};

export interface WorkloadPorts {
  /** Logical clients take turns on them. */
  readonly clients: readonly ChaosClient[];
  readonly runtime: Runtime;
  readonly directory: Path;
  /** Sees every operation once it has ended. */
  readonly keep: (recorded: Recorded) => void;
  /** Sees why an operation failed, in words. */
  readonly failed: (text: string) => void;
}

type Call = Pick<RecordedOperation, "client" | "kind" | "path" | "callNs">;

export class Workload {
  readonly tally = new Tally();
  /** Rounds that are over, for the judge to take away. */
  readonly over: Round[] = [];
  readonly #ports: WorkloadPorts;
  readonly #contents: Contents;
  readonly #originMs: number;
  #round: Round;
  #roundEndsMs: number;
  /** Rounds that are over but for operations under way. */
  readonly #ending = new Set<Round>();
  /** Kept small by the run: what a bug of ours threw. */
  readonly bugs: string[] = [];

  constructor(ports: WorkloadPorts) {
    this.#ports = ports;
    this.#contents = new Contents(ports.runtime.clock, ports.runtime.random);
    this.#originMs = ports.runtime.clock.monotonicMs();
    this.#round = new Round(ports.directory, 1, ROUND_FILES);
    this.#roundEndsMs = this.#originMs + ROUND_MS;
  }

  /** Nanoseconds since the beginning of the run. */
  nowNs(): number {
    return Math.round((this.#ports.runtime.clock.monotonicMs() - this.#originMs) * 1e6);
  }

  /** One operation of a logical client (1 …). Resolves with false when it failed; rejects on bugs alone. */
  async operation(client: number): Promise<boolean> {
    const round = this.#currentRound();
    round.busy++;
    try {
      return await this.#draw(client, round);
    } finally {
      round.busy--;
      this.#endRounds();
    }
  }

  /** No operation starts any more: the last round is over with its last operation. */
  finish(): void {
    this.#ending.add(this.#round);
    this.#endRounds();
  }

  /** A strong read of a file, or of a kept version of it, recorded; null: there is none. @throws QdfsError */
  async read(client: number, round: Round, path: Path, version = 0): Promise<{ version: number; valueId: string | null } | null> {
    const call: Call = { client, kind: "get", path, callNs: this.nowNs() };
    const of = version === 0 ? {} : { of: version };
    try {
      const read = await this.#client(client).read(path, { version });
      const valueId = valueIdOf(read.bytes);
      round.reads(path, read.version.version, valueId, checksumOf(read.bytes));
      this.#record(round, { ...call, ...of, ...this.#ended("ok"), version: read.version.version, valueId });
      return { version: read.version.version, valueId };
    } catch (error) {
      const absent = codeOf(error) === "NOT_FOUND";
      this.#record(round, { ...call, ...of, ...this.#ended(absent ? "ok" : "fail"), version: null, valueId: null });
      if (absent) return null;
      throw error;
    }
  }

  #client(client: number): ChaosClient {
    const { clients } = this.#ports;
    const chosen = clients[client % clients.length];
    assert(chosen !== undefined, "a workload has clients");
    return chosen;
  }

  #draw(client: number, round: Round): Promise<boolean> {
    const { random } = this.#ports.runtime;
    const path = round.paths[Math.floor(random.unit() * round.paths.length)] ?? "";
    const latest = round.latest(path);
    let left = random.unit() * 100;
    let drawn: (typeof MIX)[number][1] = "get";
    for (const [parts, what] of MIX) {
      left -= parts;
      if (left >= 0) continue;
      drawn = what;
      break;
    }
    switch (drawn) {
      case "get":
        return this.#counted("get", () => this.read(client, round, path));
      case "put":
        return this.#put(client, round, path);
      case "put-if-version":
        return latest === 0 ? this.#put(client, round, path) : this.#put(client, round, path, { version: latest });
      case "put-if-absent":
        return this.#put(client, round, path, { absent: true });
      case "rm":
        return this.#remove(client, round, path);
      case "rm-if-version":
        return latest === 0 ? this.#remove(client, round, path) : this.#remove(client, round, path, { version: latest });
      case "ls":
        return this.#counted("ls", () => this.#list(client, round));
    }
  }

  async #put(client: number, round: Round, path: Path, precondition?: Precondition): Promise<boolean> {
    const bytes = this.#contents.next();
    const valueId = valueIdOf(bytes);
    assert(valueId !== null, "contents are long enough to be told apart");
    round.writes(valueId, checksumOf(bytes));
    const condition =
      precondition === undefined ? {} : "absent" in precondition ? { ifAbsent: true } : { ifVersion: precondition };
    return await this.#change({ client, kind: "put", path, callNs: this.nowNs() }, round, valueId, precondition, () =>
      this.#client(client).put(path, bytes, condition),
    );
  }

  async #remove(client: number, round: Round, path: Path, precondition?: { readonly version: number }): Promise<boolean> {
    return await this.#change({ client, kind: "rm", path, callNs: this.nowNs() }, round, null, precondition, () =>
      this.#client(client).remove(path, precondition === undefined ? {} : { ifVersion: precondition }),
    );
  }

  async #change(
    call: Call,
    round: Round,
    valueId: string | null,
    precondition: Precondition | undefined,
    work: () => Promise<{ readonly version: number }>,
  ): Promise<boolean> {
    const kind: Kind = call.kind === "rm" ? "rm" : "put";
    const what = { ...call, valueId, ...(precondition === undefined ? {} : { precondition }) };
    try {
      const { version } = await work();
      this.#record(round, { ...what, ...this.#ended("ok"), version });
      this.tally.ok(kind);
      return true;
    } catch (error) {
      const code = this.#failed(kind, error);
      const refusal = REFUSALS[code];
      const version = refusal === undefined ? null : versionIn(error);
      const ended = this.#ended(isDefinite(code) ? "fail" : "unknown");
      this.#record(round, { ...what, ...ended, version, ...(refusal === undefined ? {} : { refusal }) });
      return false;
    }
  }

  async #list(client: number, round: Round): Promise<void> {
    const callNs = this.nowNs();
    const listing = this.#client(client).list(round.directory, { recursive: true });
    const entries: { path: string; version: number }[] = [];
    for await (const { path, version, directory } of listing) if (!directory) entries.push({ path, version });
    const recorded: RecordedListing = {
      client,
      kind: "ls",
      path: round.directory,
      callNs,
      returnNs: this.nowNs(),
      entries,
      complete: listing.incomplete === "",
    };
    this.#record(round, recorded);
  }

  async #counted(kind: Kind, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      this.tally.ok(kind);
      return true;
    } catch (error) {
      this.#failed(kind, error);
      return false;
    }
  }

  #failed(kind: Kind, error: unknown): ErrorCode {
    const code = codeOf(error);
    if (code === undefined) throw error;
    this.#ports.failed(`${kind} failed: ${code}: ${messageOf(error)}`);
    if (code === "BUG") this.bugs.push(`a ${kind} failed with a bug: ${messageOf(error)}`);
    this.tally.error(kind, code);
    return code;
  }

  /** An operation of unknown outcome may take effect at any later time: it stays open. */
  #ended(outcome: RecordedOperation["outcome"]): Pick<RecordedOperation, "outcome" | "returnNs"> {
    return { outcome, returnNs: outcome === "unknown" ? null : this.nowNs() };
  }

  #record(round: Round, recorded: Recorded): void {
    round.record(recorded);
    this.#ports.keep(recorded);
  }

  #currentRound(): Round {
    const nowMs = this.#ports.runtime.clock.monotonicMs();
    if (nowMs >= this.#roundEndsMs || this.#round.recorded.length >= ROUND_OPERATIONS_MAX) {
      this.#ending.add(this.#round);
      this.#round = new Round(this.#ports.directory, this.#round.number + 1, ROUND_FILES);
      this.#roundEndsMs = nowMs + ROUND_MS;
      this.#endRounds();
    }
    return this.#round;
  }

  #endRounds(): void {
    for (const round of this.#ending) {
      if (round.busy > 0) continue;
      this.#ending.delete(round);
      this.over.push(round);
    }
  }
}

/** The current version that a refusal names. */
function versionIn(error: unknown): number | null {
  if (!(error instanceof QdfsError)) return null;
  const { version } = error.details;
  return typeof version === "number" ? version : null;
}
