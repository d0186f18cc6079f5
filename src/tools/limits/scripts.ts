/** Scripts of this folder as processes of their own, which print one line of JSON. */
import { join } from "node:path";
import { endWithThisProcess } from "../children.ts";
import { runCommand } from "../run-command.ts";

/** A script that goes on after it said how it can be reached. */
export interface Served<Ready> {
  readonly ready: Ready;
  readonly child: Bun.Subprocess;
  stop(): Promise<void>;
}

function pathOf(script: string): string {
  return join(import.meta.dir, script);
}

/** Runs a script to its end; what its line says. The caller knows its shape from the script's head. */
export async function runScript<Result>(script: string, args: readonly (string | number)[], timeoutMs?: number): Promise<Result> {
  const { exit, stdout, stderr } = await runCommand(process.execPath, [pathOf(script), ...args.map(String)], {
    env: environment(),
    timeoutMs,
  });
  if (exit !== 0) throw new Error(`${script} ${args.join(" ")}: exit ${exit}: ${stderr.slice(-600)}`);
  return JSON.parse(stdout.toString());
}

/** Starts a script; resolves with its line. */
export async function serveScript<Ready>(script: string, args: readonly string[]): Promise<Served<Ready>> {
  const child = Bun.spawn([process.execPath, pathOf(script), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    env: environment(),
  });
  endWithThisProcess(child);
  const ready: Ready = JSON.parse(await firstLine(child.stdout, script));
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { ready, child, stop };
}

/** What follows on the stream is not read. @throws Error when it ends before a line is whole */
export async function firstLine(stream: ReadableStream<Uint8Array>, whose: string): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`${whose} ended without saying that it serves: ${text}`);
    text += decoder.decode(value, { stream: true });
    const end = text.indexOf("\n");
    if (end !== -1) return text.slice(0, end);
  }
}

/** Nothing of the caller's: what tunes the engine, or names a cluster, must not reach a measurement. */
function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "" };
}
