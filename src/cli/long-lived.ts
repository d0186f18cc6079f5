/**
 * How processes that live long are run: without JavaScriptCore's last compiler tier (FTL). On the path of a put its code is no
 * faster than the tier below, but making it keeps compiler threads busy for minutes: a quarter of all CPU of a cluster on two
 * cores in its first ones. The engine takes that setting from its environment alone, before anything runs. So the process
 * replaces itself once, as the first thing it does: this module is imported before all others. It keeps its id, its signals and its
 * three standard streams; other descriptors that it was started with are closed.
 */
const LONG_LIVED: readonly string[] = ["supernode", "datanode", "bench", "chaos", "sim"];

export const ENGINE_ENV = { BUN_JSC_useFTLJIT: "0" } as const;

/** What comes after the executable's name and before the verb: nothing in the compiled one, else the engine's flags and the main file. */
export function programArguments(): readonly string[] {
  return Bun.main.startsWith("/$bunfs/") ? [] : [...process.execArgv, Bun.main];
}

function replaceOnce(): void {
  const [verb] = process.argv.slice(2);
  if (verb === undefined || !LONG_LIVED.includes(verb) || "BUN_JSC_useFTLJIT" in process.env) return;
  const args = [process.execPath, ...programArguments(), ...process.argv.slice(2)];
  try {
    process.execve?.(process.execPath, args, { ...process.env, ...ENGINE_ENV });
  } catch {
    // Where a process cannot replace itself it serves as well, only less frugally.
  }
}

replaceOnce();
