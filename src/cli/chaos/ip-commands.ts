/** iproute2's `ip`, kept running in one network namespace: it takes a command a line and ends with this process. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { assert } from "../../base/errors.ts";
import { withAdminPath } from "./own-namespaces.ts";

/** Answered by one line that begins with this. */
const ASK = "link show lo";
const ANSWER = /^\d+: lo:/;

export class IpCommands {
  /** Of the process that stays in the namespace. */
  readonly pid: number;
  readonly #stdin: NodeJS.WritableStream;
  readonly #waiting: (() => void)[] = [];

  /** `enter`: the command that puts it where it belongs. `failed` hears what `ip` complains of. */
  constructor(enter: readonly string[], failed: (line: string) => void) {
    const [program = "", ...args] = [...enter, "ip", "-force", "-batch", "-"];
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: withAdminPath(process.env), detached: true });
    assert(child.pid !== undefined, "`ip` was there a moment ago");
    this.pid = child.pid;
    this.#stdin = child.stdin;
    child.stdin.on("error", (error) => failed(error.message));
    createInterface({ input: child.stderr }).on("line", failed);
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (ANSWER.test(line)) this.#waiting.shift()?.();
    });
  }

  run(...lines: readonly string[]): void {
    for (const line of lines) this.#stdin.write(`${line}\n`);
  }

  /** Resolves when all that it was given has been done. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.run(ASK);
    });
  }

  close(): void {
    this.#stdin.end();
  }
}
