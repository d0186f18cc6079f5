/** How the demo speaks: numbered steps, what was typed, what came of it, and a verdict per expectation. */
import { formatDuration } from "../base/units.ts";

export class Narrator {
  readonly #beganMs = performance.now();
  #steps = 0;

  step(title: string): void {
    this.#steps++;
    this.#print(`\n${this.#steps}. ${title}`);
  }

  /** A command line, as a reader would type it. */
  typed(command: string): void {
    this.#print(`   $ ${command}`);
  }

  say(text: string): void {
    for (const line of text.split("\n")) this.#print(`   ${line}`);
  }

  /** Says what held; @throws Error when it did not */
  expect(holds: boolean, what: string, seen = ""): void {
    if (!holds) throw new Error(`expected: ${what}${seen === "" ? "" : `; seen: ${seen}`}`);
    this.#print(`   ✓ ${what}`);
  }

  /** Since the beginning. */
  elapsed(): string {
    return formatDuration(performance.now() - this.#beganMs);
  }

  #print(line: string): void {
    process.stdout.write(`${line}\n`);
  }
}
