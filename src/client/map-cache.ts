import type { ClusterMap } from "../wire/messages.ts";

/** Where a client keeps the newest map of each cluster that it has met, for the day when no server address answers. */
export interface MapCache {
  /** The map most recently kept of a cluster that was reached through, or names, one of the addresses. Never throws. */
  find(addresses: readonly string[]): Promise<ClusterMap | undefined>;
  /** Keeps the map unless a newer one of its cluster is kept already. Best effort: never throws. */
  keep(map: ClusterMap, reachedThrough: readonly string[]): Promise<void>;
}

/** Keeps nothing. */
export const noMapCache: MapCache = {
  find: async () => undefined,
  keep: async () => {},
};
