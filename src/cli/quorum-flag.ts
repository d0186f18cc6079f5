/** `--quorum` of the commands that bring a cluster of their own. */
import { QdfsError } from "../base/errors.ts";
import { parseQuorumSpec } from "../cluster/quorum-spec.ts";

/** Of the default quorum. */
const REPLICAS_DEFAULT = 3;

/**
 * The quorum of a cluster of so many DataNodes: with fewer than the default needs it is made for what there is.
 * @throws QdfsError BAD_USAGE, BAD_QUORUM
 */
export function quorumFor(spec: string | undefined, nodes: number): string | undefined {
  if (spec === undefined) return nodes < REPLICAS_DEFAULT ? `majority,n=${nodes}` : undefined;
  const { n } = parseQuorumSpec(spec);
  if (n > nodes)
    throw new QdfsError(
      "BAD_USAGE",
      `--quorum ${spec} keeps ${n} copies of each file, on as many DataNodes; --nodes is ${nodes}`,
    );
  return spec;
}
