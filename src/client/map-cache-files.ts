/** The map cache on disk: one JSON file per cluster, replaced atomically. A file that cannot be read counts as absent. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { checkedMap } from "../cluster/check-map.ts";
import { isNewerMap } from "../cluster/map.ts";
import type { Random } from "../ports.ts";
import { mapCodec } from "../wire/codec.ts";
import type { ClusterMap } from "../wire/messages.ts";
import type { MapCache } from "./map-cache.ts";

const SUFFIX = ".map.json";
const FORMAT = 1;

interface Kept {
  readonly addresses: readonly string[];
  readonly map: ClusterMap;
}

/** `$XDG_CACHE_HOME/qdfs`, else `~/.cache/qdfs`. */
export function defaultCacheDir(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache"), "qdfs");
}

export class FileMapCache implements MapCache {
  readonly #directory: string;
  readonly #random: Random;

  constructor(directory: string, random: Random) {
    this.#directory = directory;
    this.#random = random;
  }

  async find(addresses: readonly string[]): Promise<ClusterMap | undefined> {
    const wanted = new Set(addresses);
    let best: { readonly keptAtMs: number; readonly map: ClusterMap } | undefined;
    for (const name of await readdir(this.#directory).catch(() => [])) {
      if (!name.endsWith(SUFFIX)) continue;
      const file = join(this.#directory, name);
      const kept = await load(file);
      if (kept === undefined || !mentions(kept, wanted)) continue;
      const keptAtMs = (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
      if (best === undefined || keptAtMs > best.keptAtMs) best = { keptAtMs, map: kept.map };
    }
    return best?.map;
  }

  async keep(map: ClusterMap, reachedThrough: readonly string[]): Promise<void> {
    if (!/^[\w-]{1,64}$/.test(map.clusterId)) return;
    const file = join(this.#directory, `${map.clusterId}${SUFFIX}`);
    const found = await load(file);
    const before = found?.map.clusterId === map.clusterId ? found : undefined; // another cluster's is damage
    const known = new Set(before?.addresses);
    if (before !== undefined && !isNewerMap(map, before.map) && reachedThrough.every((address) => known.has(address))) return;
    const newest = before !== undefined && isNewerMap(before.map, map) ? before.map : map;
    const addresses = [...new Set([...reachedThrough, ...known])].slice(0, 32);
    const text = JSON.stringify({ format: FORMAT, addresses, map: mapCodec.encode(newest).toString("base64") });
    const temporary = `${file}.${this.#random.hex(8)}`;
    try {
      await mkdir(this.#directory, { recursive: true });
      await writeFile(temporary, text);
      await rename(temporary, file);
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }
}

function mentions(kept: Kept, wanted: ReadonlySet<string>): boolean {
  const { addresses, map } = kept;
  return [...addresses, ...map.supernodes, ...map.nodes.map((node) => node.grpc)].some((address) => wanted.has(address));
}

async function load(file: string): Promise<Kept | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { format, addresses, map } = parsed as Record<string, unknown>;
    if (format !== FORMAT || !Array.isArray(addresses) || typeof map !== "string") return undefined;
    const texts = addresses.filter((address) => typeof address === "string");
    return { addresses: texts, map: checkedMap(mapCodec.decode(Buffer.from(map, "base64"))) };
  } catch {
    return undefined;
  }
}
