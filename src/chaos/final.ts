/** The end of a run, when every fault is over: the cluster is whole, reads and the listing agree, and nothing judged has changed. */
import { codeOf, messageOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { Runtime } from "../ports.ts";
import { NodeState } from "../wire/messages.ts";
import { valueIdOf } from "./contents.ts";
import type { FileFate } from "./judge.ts";
import type { ChaosClient } from "./workload.ts";

const POLL_MS = 200;
const READS_IN_FLIGHT = 16;
/** A listing may say for a moment that something may be missing. */
const LISTING_PATIENCE_MS = 15_000;

/** Resolves with undefined when the cluster is whole, else with what is wrong after `patienceMs`. */
export async function whole(client: ChaosClient, runtime: Runtime, patienceMs: number): Promise<string | undefined> {
  const untilMs = runtime.clock.monotonicMs() + patienceMs;
  for (;;) {
    const wrong = await whatIsWrong(client);
    if (wrong === undefined || runtime.clock.monotonicMs() > untilMs) return wrong;
    await new Promise<void>((resolve) => void runtime.timers.after(POLL_MS, resolve));
  }
}

async function whatIsWrong(client: ChaosClient): Promise<string | undefined> {
  try {
    const { state, nodes, alarms } = await client.status();
    const away = nodes.filter(({ node }) => node.state !== NodeState.UP).length;
    if (state === "ok" && away === 0 && nodes.every(({ catchingUp }) => catchingUp === 0)) return undefined;
    return `the cluster is ${state}: ${alarms.join("; ")}`;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return messageOf(error);
  }
}

/**
 * Has every DataNode read all that it stores: what is bad is mended, and a second time nothing bad is found. Returns what must not be.
 */
export async function badCopies(client: ChaosClient, runtime: Runtime, patienceMs: number): Promise<readonly string[]> {
  const nodes = client.map.nodes.map(({ number }) => number);
  await Promise.all(nodes.map((node) => scrubbed(client, runtime, node, patienceMs)));
  const again = await Promise.all(nodes.map((node) => scrubbed(client, runtime, node, patienceMs)));
  return again.filter((wrong) => wrong !== undefined);
}

/** One pass of one node; what it found, in words. */
async function scrubbed(client: ChaosClient, runtime: Runtime, node: number, patienceMs: number): Promise<string | undefined> {
  const untilMs = runtime.clock.monotonicMs() + patienceMs;
  const { pass } = await client.scrub(node, { start: true });
  for (;;) {
    const { node: name, running, pass: now, untried, found, unmended, findings } = await client.scrub(node);
    const example = findings.find(({ mended }) => !mended) ?? findings[0];
    const words = `${name} has ${unmended} bad or missing copies, and found ${found}: ${example?.what} ${example?.name} of ${example?.path}: ${example?.why}`;
    if (now >= pass && !running && untried === 0 && unmended === 0) return found === 0 ? undefined : words;
    if (runtime.clock.monotonicMs() > untilMs) return `${patienceMs / 1000} s after the scrub began ${words}`;
    await new Promise<void>((resolve) => void runtime.timers.after(POLL_MS, resolve));
  }
}

/** Reads every file again and compares with what was judged, and with one listing of all. Returns what must not be. */
export async function compareAll(
  client: ChaosClient,
  runtime: Runtime,
  directory: Path,
  fates: ReadonlyMap<Path, FileFate>,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const live = new Map<Path, number>();
  const entries = fates.entries();
  const worker = async () => {
    for (const [path, fate] of entries) {
      const now = await readNow(client, path);
      if (typeof now === "string") wrong.push(now);
      else {
        if (now !== null) live.set(path, now.version);
        if (!explained(fate, now)) wrong.push(changed(path, fate, now));
      }
    }
  };
  await Promise.all(Array.from({ length: READS_IN_FLIGHT }, worker));
  return [...wrong, ...(await compareListing(client, runtime, directory, live))];
}

type Now = { readonly version: number; readonly valueId: string | null } | null;

async function readNow(client: ChaosClient, path: Path): Promise<Now | string> {
  try {
    const { version, bytes } = await client.read(path);
    return { version: version.version, valueId: valueIdOf(bytes) };
  } catch (error) {
    if (codeOf(error) === "NOT_FOUND") return null;
    if (codeOf(error) === undefined) throw error;
    return `${path} cannot be read though all faults are over: ${messageOf(error)}`;
  }
}

/** Nothing has happened since the file was judged but changes of unknown outcome, which may take effect at any time. */
export function explained({ version, valueId, open }: FileFate, now: Now): boolean {
  if (now === null) return version === null || open.includes(null);
  if (now.version === version) return now.valueId === valueId;
  return now.version > (version ?? 0) && open.includes(now.valueId);
}

function changed(path: Path, { version, valueId }: FileFate, now: Now): string {
  const was = version === null ? "absent" : `version ${version} (${valueId})`;
  const is = now === null ? "absent" : `version ${now.version} (${now.valueId})`;
  return `${path}: was ${was} when it was judged and is ${is} at the end, and no operation explains that`;
}

async function compareListing(
  client: ChaosClient,
  runtime: Runtime,
  directory: Path,
  live: ReadonlyMap<Path, number>,
): Promise<readonly string[]> {
  const untilMs = runtime.clock.monotonicMs() + LISTING_PATIENCE_MS;
  for (;;) {
    const listing = client.list(directory, { recursive: true });
    const listed = new Map<Path, number>();
    let incomplete: string;
    try {
      for await (const { path, version, directory: isDirectory } of listing) if (!isDirectory) listed.set(path, version);
      ({ incomplete } = listing);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      incomplete = messageOf(error);
    }
    if (incomplete === "") return differences(listed, live);
    if (runtime.clock.monotonicMs() > untilMs) return [`the listing stays incomplete though all faults are over: ${incomplete}`];
    await new Promise<void>((resolve) => void runtime.timers.after(POLL_MS, resolve));
  }
}

export function differences(listed: ReadonlyMap<Path, number>, live: ReadonlyMap<Path, number>): readonly string[] {
  const words = (version: number | undefined) => (version === undefined ? "absent" : `version ${version}`);
  return [...new Set([...listed.keys(), ...live.keys()])]
    .filter((path) => listed.get(path) !== live.get(path))
    .map(
      (path) => `${path}: ${words(listed.get(path))} in the final listing, ${words(live.get(path))} in the strong read before it`,
    );
}
