/** Findings about copies: what cannot be read or written, which files are below N, what the next death would take. */
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { formatCount, formatFiles } from "../base/units.ts";
import { replicasOf } from "../cluster/map.ts";
import { placeable } from "../cluster/standing.ts";
import { type Exposure, exposures, outcomeOf, shortOf } from "./exposure.ts";
import { answering, type Facts, type ThinFile } from "./facts.ts";
import { type Finding, finding, nodeList } from "./finding.ts";
import { giveUpHints, startHints } from "./servers.ts";

export function copyFindings(facts: Facts): readonly Finding[] {
  const { map, status } = facts;
  if (map.partitions.length === 0) {
    const what = `the cluster has not begun: ${status?.waitingFor || map.waitingFor || "its partitions are not assigned"}`;
    return [
      finding("waiting", "critical", what, {
        mend: [`qdfs datanode --port 0 --data DIR --supernode ${map.supernodes.join(",")}`],
      }),
    ];
  }
  const live = answering(facts);
  const away = map.nodes.map(({ number }) => number).filter((number) => !live.has(number));
  return [
    ...unavailable(facts, live, away),
    ...awayCopies(facts, live, away),
    ...thinFiles(facts),
    ...exposed(facts, live, away),
    ...noSpare(facts),
  ];
}

/** `12 partitions (1,034 files)`; without a SuperNode the files are not known. */
function partitionWords({ status }: Facts, partitions: readonly number[]): string {
  const counts = status?.partitionFiles ?? [];
  const count = `${formatCount(partitions.length)} ${partitions.length === 1 ? "partition" : "partitions"}`;
  if (counts.length === 0) return count;
  return `${count} (${formatFiles(partitions.reduce((sum, partition) => sum + (counts[partition] ?? 0), 0))})`;
}

function unavailable(facts: Facts, live: ReadonlySet<NodeNumber>, away: readonly NodeNumber[]): readonly Finding[] {
  const { unreadable, unwritable, lost } = outcomeOf(facts.map, live);
  const mend = startHints(facts, away);
  const found: Finding[] = [];
  if (unwritable.length > 0)
    found.push(
      finding(
        "unwritable",
        "critical",
        `${partitionWords(facts, unwritable)} cannot be written: fewer than W or R replicas answer`,
        {
          count: unwritable.length,
          examples: unwritable.map((partition) => setWords(facts, partition, live)),
          mend,
        },
      ),
    );
  if (unreadable.length > 0)
    found.push(
      finding("unreadable", "critical", `${partitionWords(facts, unreadable)} cannot be read: fewer than R replicas answer`, {
        count: unreadable.length,
        examples: unreadable.map((partition) => setWords(facts, partition, live)),
        mend,
      }),
    );
  if (lost.length > 0)
    found.push(
      finding("no-copy", "critical", `of ${partitionWords(facts, lost)} no replica answers at all`, { count: lost.length, mend }),
    );
  return found;
}

function setWords({ map }: Facts, partition: number, live: ReadonlySet<NodeNumber>): string {
  const sets = map.partitions[partition]?.sets ?? [];
  const words = sets.map(({ nodes, w, r }) => {
    const there = nodes.filter((node) => live.has(node)).length;
    return `${there} of ${nodes.length} answer (${nodeList(nodes)}), w=${w}, r=${r}`;
  });
  return `partition ${partition}: ${words.join("; and of the new set ")}`;
}

function awayCopies(facts: Facts, live: ReadonlySet<NodeNumber>, away: readonly NodeNumber[]): readonly Finding[] {
  const short = shortOf(facts.map, live);
  if (short.length === 0) return [];
  const what = `${partitionWords(facts, short)} below N: ${nodeList(away)} ${away.length === 1 ? "does" : "do"} not answer`;
  return [
    finding("below-n", "warning", what, {
      count: short.length,
      examples: away.map((node) => {
        const on = facts.map.partitions.flatMap((configuration, partition) =>
          replicasOf(configuration).includes(node) ? [partition] : [],
        );
        return `${nodeName(node)}: ${partitionWords(facts, on)}   # qdfs ls -r --node ${nodeName(node)}`;
      }),
      mend: startHints(facts, away),
    }),
  ];
}

function thinWords({ path, copies, n, lacking }: ThinFile): string {
  return `${path}: ${copies} of ${n}; ${lacking.map(({ node, what }) => `${nodeName(node)} lacks ${what}`).join(", ")}`;
}

function thinFiles({ files }: Facts): readonly Finding[] {
  if (files === undefined || files.thin.length === 0) return [];
  const of = files.isAll ? `all ${formatCount(files.checked)}` : `${formatCount(files.checked)} that were looked at`;
  const what = `${formatFiles(files.thin.length)} of ${of} below N, though their replicas answer`;
  const [first] = files.thin;
  const mend =
    files.thin.length <= 3 ? files.thin.map(({ path }) => `qdfs repair ${path}`) : [`qdfs repair ${first?.path}`, "qdfs repair"];
  return [finding("thin-files", "warning", what, { count: files.thin.length, examples: files.thin.map(thinWords), mend })];
}

/** What a death would add, in words; empty: nothing. */
export function exposureWords(facts: Facts, { node, unreadable, unwritable, mayLose, lost }: Exposure): string {
  const parts = [
    ...(lost.length > 0 ? [`the last copy of ${partitionWords(facts, lost)} would be lost`] : []),
    ...(mayLose.length > lost.length
      ? [`writes that reached only W replicas of ${partitionWords(facts, mayLose)} could be lost`]
      : []),
    ...(unreadable.length > 0 ? [`${partitionWords(facts, unreadable)} could not be read`] : []),
    ...(unwritable.length > 0 ? [`${partitionWords(facts, unwritable)} could not be written`] : []),
  ];
  return parts.length === 0 ? "" : `${nodeName(node)}: ${parts.join("; ")}`;
}

/** With everyone there it is what the quorum was chosen to be; with somebody away it is a danger. */
function exposed(facts: Facts, live: ReadonlySet<NodeNumber>, away: readonly NodeNumber[]): readonly Finding[] {
  const bad = exposures(facts.map, live).flatMap((exposure) => {
    const words = exposureWords(facts, exposure);
    return words === "" ? [] : [{ exposure, words }];
  });
  if (bad.length === 0) return [];
  const examples = bad.map(({ words }) => words);
  if (away.length === 0) {
    const { n, w, r } = facts.map.policy;
    const what = `one death is too many for this quorum (n=${n}, w=${w}, r=${r}), even with everyone there`;
    return [finding("exposed", "note", what, { examples, mend: [`qdfs quorum set majority,n=${Math.max(3, n)}`] })];
  }
  const last = bad.some(({ exposure }) => exposure.lost.length > 0);
  const mend = [...startHints(facts, away), ...giveUpHints(facts, away)];
  return [
    finding("exposed", last ? "critical" : "warning", "one further death would cost more than redundancy", { examples, mend }),
  ];
}

function noSpare({ map }: Facts): readonly Finding[] {
  const { n } = map.policy;
  const nodes = placeable(map).length;
  if (nodes > n) return [];
  const what = `there are no more DataNodes (${nodes}) than copies of a file (${n}): those of a node that dies for good have nowhere to go`;
  return [
    finding("no-spare", "note", what, { mend: [`qdfs datanode --port 0 --data DIR --supernode ${map.supernodes.join(",")}`] }),
  ];
}
