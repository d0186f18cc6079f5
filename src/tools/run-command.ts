/** One command line, run to its end as a user would. */
import { endWithThisProcess } from "./children.ts";

const COMMAND_MS = 120_000;

export interface CommandResult {
  readonly exit: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs one command line of any executable. */
export async function runCommand(binary: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { stdin = "", env, timeoutMs = COMMAND_MS } = options;
  const child = Bun.spawn([binary, ...args], { stdin: Buffer.from(stdin), stdout: "pipe", stderr: "pipe", env });
  endWithThisProcess(child);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).arrayBuffer(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  if (late) throw new Error(`${binary} ${args.join(" ")} did not end within ${timeoutMs} ms: ${stderr.slice(-600)}`);
  return { exit: child.exitCode, stdout: Buffer.from(stdout), stderr };
}
