/** `qdfs explain`: what a get or put of a path would do and why, from the map and from measurements made now. */
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { nodeOf, partitionOf, replicasOf } from "../cluster/map.ts";
import { HEDGE_MS, OPERATION_BUDGET_MS } from "../limits.ts";
import { ABSENT } from "../register/ballot.ts";
import { type Configuration, NodeState } from "../wire/messages.ts";
import { type HeadRead, type ReadPorts, readStrong, versionIn } from "./read.ts";
import { chunkCount, replicaStat } from "./stat.ts";
import type { ExplainedReplica, Explanation } from "./types.ts";

const STATE_NAMES = Object.fromEntries(Object.entries(NodeState).map(([name, state]) => [state, name.toLowerCase()]));

/** For a get the read is done too, and told request by request. @throws QdfsError CLUSTER_WAITING */
export async function explain(ports: ReadPorts, operation: "get" | "put", path: Path): Promise<Explanation> {
  const { holder, router } = ports;
  const configuration = await holder.configurationOf(path);
  const partition = partitionOf(holder.map, path);
  const numbers = replicasOf(configuration);
  // The first probe opens the sessions: the second one measures the round trip alone.
  await Promise.all(numbers.map((node) => replicaStat(ports, path, configuration, node, ABSENT)));
  const read = operation === "get" ? await explainedRead(ports, path) : {};
  const current = read.head?.ballot ?? ABSENT;
  const replicas = await Promise.all(numbers.map((node) => explainedReplica(ports, path, configuration, node, current)));
  const order = operation === "get" ? router.readOrder(numbers) : router.writeOrder(numbers);
  const { n, w, r } = holder.map.policy;
  return {
    operation,
    path,
    partition,
    configuration: configuration.number,
    joint: configuration.sets.length > 1,
    quorum: { n, w, r },
    mapVersion: holder.map.version,
    replicas,
    order: order.map(nodeName),
    steps: operation === "get" ? readSteps(ports, configuration, order) : writeSteps(ports, configuration, order),
    read: read.told,
    failure: read.failure,
  };
}

async function explainedRead(
  ports: ReadPorts,
  path: Path,
): Promise<{ head?: HeadRead; told?: Explanation["read"]; failure?: string }> {
  const { clock } = ports.runtime;
  const startedMs = clock.monotonicMs();
  const asked: { node: string; elapsedMs: number; answer: string }[] = [];
  const onAnswer = (node: NodeNumber, elapsedMs: number, answer: string) => {
    asked.push({ node: nodeName(node), elapsedMs, answer });
  };
  let head: HeadRead | undefined;
  try {
    head = await readStrong(ports, { path, version: 0, want: "content", budgetMs: OPERATION_BUDGET_MS, onAnswer });
    const { version } = versionIn(head, path, 0);
    const told = {
      version: version.version,
      sizeBytes: version.sizeBytes,
      chunks: chunkCount(version),
      answeredBy: nodeName(head.node),
      asked: [...asked],
      settled: head.settled,
      elapsedMs: clock.monotonicMs() - startedMs,
    };
    return { head, told };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { head, failure: messageOf(error) };
  }
}

async function explainedReplica(
  ports: ReadPorts,
  path: Path,
  configuration: Configuration,
  node: NodeNumber,
  current: HeadRead["ballot"],
): Promise<ExplainedReplica> {
  const { holder, peers, runtime } = ports;
  const startedMs = runtime.clock.monotonicMs();
  const holds = await replicaStat(ports, path, configuration, node, current);
  const probeMs = holds.state === "unreachable" ? undefined : runtime.clock.monotonicMs() - startedMs;
  const { grpc, zone, state } = nodeOf(holder.map, node);
  const session = peers.session(node);
  return {
    node: nodeName(node),
    address: grpc,
    zone,
    state: STATE_NAMES[state] ?? "unknown",
    session: session.state,
    probeMs,
    latencyMs: session.latencyMs,
    inFlight: session.inFlight,
    opsPerSec: holder.load(node)?.opsPerSec,
    holds,
  };
}

function readSteps({ holder, router }: ReadPorts, configuration: Configuration, order: readonly NodeNumber[]): readonly string[] {
  const { inlineLimitBytes, chunkSizeBytes } = holder.map.policy;
  const [first] = order;
  const counts = configuration.sets.map(({ nodes, r }) => `${r} of ${nodes.length}`).join(" and ");
  const decisive = configuration.sets.map(({ nodes, r }) => `${nodes.length - r + 1}`).join(" and ");
  return [
    `Ask ${counts} replicas at once: ${nodeName(first ?? 0)} for head and content, the others for their ballots.`,
    `Done when a holder of the highest ballot knows it chosen, or ${decisive} hold exactly it; else more replicas, then a settle.`,
    `Who has not answered after ${router.hedgeMs.toFixed(1)} ms may be joined by the next replica: this client's reads have hardly ever taken longer.`,
    `Content up to ${inlineLimitBytes} bytes comes with the head; larger content in chunks of ${chunkSizeBytes} bytes from the replicas of each chunk, every one verified.`,
  ];
}

function writeSteps({ holder }: ReadPorts, configuration: Configuration, order: readonly NodeNumber[]): readonly string[] {
  const { inlineLimitBytes, chunkSizeBytes } = holder.map.policy;
  const [first, second] = order;
  const [home] = replicasOf(configuration);
  const why = first === home ? "the home" : `the home ${nodeName(home ?? 0)} is not up`;
  const phases = configuration.sets.map(({ nodes, r, w }) => `${r} promises and ${w} accepts of ${nodes.length}`).join(" and ");
  const steps = [
    `Content over ${inlineLimitBytes} bytes goes ahead in chunks of ${chunkSizeBytes} bytes, each durable at W replicas of its own partition.`,
    `The change goes to ${nodeName(first ?? 0)} (${why}), which needs ${phases}, each on stable storage before it counts.`,
  ];
  if (second === undefined) return steps;
  return [
    ...steps,
    `No answer within ${HEDGE_MS} ms, or a lost connection: ${nodeName(second)} is asked under the same operation id, so that it is done at most once.`,
  ];
}
