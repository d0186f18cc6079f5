/** `--node N` of maintenance commands. */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, parseNodeName } from "../base/ids.ts";
import type { Client } from "../client/connect.ts";

/** The node that the flag names, or all of the cluster's. @throws QdfsError BAD_USAGE, CLUSTER_WAITING (there is none yet) */
export function nodesFor(client: Client, flag: string | undefined): readonly NodeNumber[] {
  if (flag !== undefined) {
    const node = parseNodeName(flag);
    if (node !== undefined) return [node];
    throw new QdfsError("BAD_USAGE", `--node takes a DataNode, as in dn-2, not ${JSON.stringify(flag)}`);
  }
  const { nodes } = client.map;
  if (nodes.length === 0) throw new QdfsError("CLUSTER_WAITING", "no DataNode has joined yet");
  return nodes.map(({ number }) => number);
}
