/** The outcome of a command over many files: a failing one is reported, the others go on, the exit code is that of the worst. */
import { AssertionFailed, Exit, QdfsError } from "../base/errors.ts";
import { formatCount } from "../base/units.ts";
import { asFailure, failureLine, failureText, oneLine, worseOf } from "./failure.ts";
import { type Output, StdoutClosed } from "./output.ts";

export class Tally {
  readonly #output: Output;
  #done = 0;
  #failed = 0;
  #worst: QdfsError | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  get done(): number {
    return this.#done;
  }

  get failed(): number {
    return this.#failed;
  }

  /** Runs the work for one file and counts it. Rejects for broken invariants, and when nobody reads stdout, only. */
  async attempt(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#done += 1;
    } catch (error) {
      if (error instanceof AssertionFailed || error instanceof StdoutClosed) throw error;
      this.fail(name, asFailure(error));
    }
  }

  fail(name: string, failure: QdfsError): void {
    this.#failed += 1;
    this.#worst = worseOf(this.#worst, failure);
    const named = new QdfsError(failure.code, failure.message, { ...failure.details, name });
    process.stderr.write(`${this.#output.options.json ? failureLine(named) : `${oneLine(name)}: ${failureText(failure)}`}\n`);
  }

  /**
   * The end of the command.
   * @throws QdfsError the worst failure's code, with the counts
   */
  finish(): Exit {
    if (this.#worst === undefined) return Exit.DONE;
    const total = this.#done + this.#failed;
    // A single failure has said everything; more than one need a sum.
    const message =
      total === 1
        ? this.#worst.message
        : `${formatCount(this.#failed)} of ${formatCount(total)} files failed; the worst: ${this.#worst.message}`;
    throw new QdfsError(this.#worst.code, message, { ...this.#worst.details, done: this.#done, failed: this.#failed });
  }
}
