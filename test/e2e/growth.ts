/** What tests of clusters that grow share. */
import { expect } from "bun:test";
import type { ClusterStatus, LocalCluster } from "../../src/tools/local-cluster.ts";
import { putText, textOf } from "./harness.ts";

/** Every partition is where it belongs, and the node has some. */
export function rebalanced(node: string): (status: ClusterStatus) => boolean {
  return ({ rebalance, nodes, state }) =>
    state === "ok" && rebalance === null && nodes.some(({ id, leads, files }) => id === node && leads > 0 && files > 0);
}

/** Puts and reads one file after the other until it is told to stop; every one must succeed. */
export function keepWorking(cluster: LocalCluster): { readonly stop: () => Promise<number> } {
  let over = false;
  const worked = (async () => {
    let count = 0;
    for (; !over; count += 1) {
      await putText(cluster, `/meanwhile/${count}`, `text ${count}`);
      expect(await textOf(cluster, `/meanwhile/${count}`)).toBe(`text ${count}`);
    }
    return count;
  })();
  return {
    stop: async () => {
      over = true;
      return await worked;
    },
  };
}
