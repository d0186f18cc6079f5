/**
 * Where a command's words go (CLI.md): results to stdout, as text for people or as NDJSON; everything else to stderr.
 * A reader of stdout that goes away (`| head`) is not an error: `drained` then throws StdoutClosed, which main ends on quietly.
 */
import { messageOf, type QdfsError } from "../base/errors.ts";
import { type Column, tableLines } from "../base/table.ts";
import { DATE_MS_MAX } from "../limits.ts";
import { localFailure, systemCodeOf } from "./local-failure.ts";

/** Text kept back before it is written, bytes: a write for each of 100,000 lines would dominate a listing. */
const BUFFER_CHARACTERS = 32 * 1024;

/** Nobody reads stdout any more. */
export class StdoutClosed extends Error {}

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export class Output {
  readonly options: OutputOptions;
  #buffer = "";
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  #failure: QdfsError | undefined;
  #flushScheduled = false;

  constructor(options: OutputOptions) {
    this.options = options;
    process.stdout.on("error", (error) => this.#failed(error));
  }

  /** One result: `result` as a JSON line, or `human` as text (undefined: nothing for people to read). `-q` silences the text only. */
  row(result: object, human?: string): void {
    if (this.options.json) this.#print(`${JSON.stringify(result)}\n`);
    else if (human !== undefined && !this.options.quiet) this.#print(`${human}\n`);
  }

  /** A text result that JSON does not have, printed under -q too. */
  text(text: string): void {
    this.#print(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** What a user should know, on stderr; silenced by -q. */
  notice(text: string): void {
    if (!this.options.quiet) process.stderr.write(`${text}\n`);
  }

  /** What must not be missed, -q or not: on stderr, with --json as a line of JSON. */
  warning(text: string, facts: object): void {
    process.stderr.write(`${this.options.json ? JSON.stringify({ warning: facts }) : text}\n`);
  }

  /** What -v asks for, on stderr. */
  explain(text: string): void {
    if (this.options.verbose) process.stderr.write(`${text}\n`);
  }

  /** Raw bytes to stdout, in order after all rows; resolves when they are written. */
  async bytes(bytes: Uint8Array): Promise<void> {
    await this.drained();
    await this.#write(bytes);
    this.#checkOpen();
  }

  /**
   * Resolves when everything printed so far is written: call it in loops that print without bound.
   * @throws StdoutClosed when nobody reads stdout
   */
  async drained(): Promise<void> {
    await this.flush();
    this.#checkOpen();
  }

  /** What kept results from being written, other than a reader that went away. */
  get failure(): QdfsError | undefined {
    return this.#failure;
  }

  #failed(error: Error): void {
    this.#closed = true;
    if (systemCodeOf(error) !== "EPIPE") this.#failure ??= localFailure("standard output", messageOf(error));
  }

  #checkOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new StdoutClosed();
  }

  /** As drained, but never throws: for commands whose work matters more than what they print. */
  async flush(): Promise<void> {
    this.#flush();
    await this.#writing;
  }

  #print(text: string): void {
    this.#buffer += text;
    if (this.#buffer.length >= BUFFER_CHARACTERS) {
      this.#flush();
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(() => {
        this.#flushScheduled = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#buffer === "") return;
    const text = this.#buffer;
    this.#buffer = "";
    this.#writing = this.#writing.then(() => this.#write(text));
  }

  #write(piece: string | Uint8Array): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      process.stdout.write(piece, (error) => {
        if (error) this.#failed(error);
        resolve();
      });
    });
  }
}

/** Said after a listing whose completeness nobody can vouch for. */
export function sayIncomplete(output: Output, listing: { readonly incomplete: string }): void {
  if (listing.incomplete !== "")
    output.warning(`the listing may be incomplete: ${listing.incomplete}`, { incomplete: listing.incomplete });
}

/** Rows under their titles, as one text. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  return tableLines(rows, columns).join("\n");
}

/** `modifiedAt` and the like in results: ISO 8601 in UTC; null for "never". */
export function isoTime(ms: number): string | null {
  return ms > 0 && ms <= DATE_MS_MAX ? new Date(ms).toISOString() : null;
}

/** A time for people, to the second, in UTC. */
export function humanTime(ms: number): string {
  return (isoTime(ms) ?? "-").replace("T", " ").replace(/\.\d+Z$/, "Z");
}

/** To the microsecond: more digits are noise. */
export function roundedMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
