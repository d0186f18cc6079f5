/** The client library as the bench drives it: one client, one session per node, whatever the number of logical clients. */
import { nodeName } from "../base/ids.ts";
import { ROOT } from "../base/path.ts";
import type { BenchTarget } from "../bench/target.ts";
import type { Client } from "../client/connect.ts";

export function benchTargetOf(client: Client): BenchTarget {
  return {
    put: (path, bytes) => client.put(path, bytes),
    get: async (path) => {
      const { version, node, bytes } = await client.read(path);
      return { version: version.version, node, bytes };
    },
    list: async (node, each) => {
      const listing = client.list(ROOT, { recursive: true, ...(node === null ? {} : { node }) });
      for await (const { path, version, directory } of listing) if (!directory) each(path, version);
      return listing.incomplete === "";
    },
    remove: (path) => client.remove(path),
    // The map, not the SuperNode's status: a bench of puts and gets runs without the SuperNode.
    describe: async () => {
      const { policy, nodes } = client.map;
      const { n, w, r, name } = policy;
      return { quorum: { n, w, r, name }, nodes: nodes.map((node) => nodeName(node.number)) };
    },
  };
}
