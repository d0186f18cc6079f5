import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../../base/ids.ts";
import { parseFilePath } from "../../base/path.ts";
import { formatCount, formatFiles } from "../../base/units.ts";
import type { Client, NodeRepair } from "../../client/connect.ts";
import { ClientCommand } from "../base-command.ts";
import { worseOf } from "../failure.ts";
import { findingWords } from "../finding-words.ts";
import { nodesFor } from "../node-flag.ts";
import { type Output, sayIncomplete } from "../output.ts";
import { startProgress } from "../progress.ts";

/** Files that one node is asked to look after in one go. */
const BATCH = 100;

export class RepairCommand extends ClientCommand {
  static override paths = [["repair"]];
  static override usage = Command.Usage({
    details: `Compares what a file's head names with what each replica holds (the head itself, the bytes of every kept version, every chunk), mends what
      is older, missing or damaged from the replicas that are right, and tells what it did. Without PATH: every file, deleted ones that can be
      restored among them, at all DataNodes or at --node.

      It also runs by itself: readers report what they meet, DataNodes catch up, and \`qdfs scrub\` finds what nobody reads.
      Exit code 9 if something could not be mended, 5 if a DataNode does not answer.`,
    examples: [
      ["One file, at every replica", "$0 repair /photos/1.jpg"],
      ["Everything that one DataNode holds", "$0 repair --node dn-2"],
      ["Everything everywhere", "$0 repair"],
    ],
  });

  readonly node = Option.String("--node", { description: "N this DataNode's copies alone, as in dn-2" });
  readonly remote = Option.String({ name: "PATH", required: false });

  override async run(output: Output): Promise<Exit> {
    const path = this.remote === undefined ? undefined : parseFilePath(this.remote);
    return await this.withClient(async (client) => {
      const worst = path === undefined ? await this.all(client, output) : await this.one(client, output, path);
      if (worst !== undefined) throw worst;
      return Exit.DONE;
    });
  }

  /** One line for each DataNode concerned. */
  private async one(client: Client, output: Output, path: Path): Promise<QdfsError | undefined> {
    const repairs =
      this.node === undefined
        ? await client.repair(path)
        : await Promise.all(nodesFor(client, this.node).map((node) => client.repairAt(node, [path])));
    let worst: QdfsError | undefined;
    for (const repair of repairs) {
      const { node, findings, failure } = repair;
      const state = stateOf(repair);
      const words = [`${node}: ${failure ?? state}`, ...findings.map((finding) => `  ${findingWords(finding)}`)];
      output.row({ path, node, state, findings, ...(failure === undefined ? {} : { failure }) }, words.join("\n"));
      worst = worseFor(worst, repair);
    }
    return worst;
  }

  /** One line for each thing found, and one for each node at its end. */
  private async all(client: Client, output: Output): Promise<QdfsError | undefined> {
    let worst: QdfsError | undefined;
    for (const number of nodesFor(client, this.node)) {
      const totals = { files: 0, found: 0, mended: 0, unmended: 0 };
      const node = nodeName(number);
      const progress = await startProgress(output, node, "files", 0);
      try {
        for await (const paths of batches(client, output, number)) {
          const repair = await client.repairAt(number, paths);
          totals.files += paths.length;
          totals.found += repair.findings.length;
          totals.mended += repair.findings.filter(({ mended }) => mended).length;
          totals.unmended += repair.unmended.length;
          for (const finding of repair.findings) output.row({ node, ...finding }, `${node}: ${findingWords(finding)}`);
          progress.update(totals.files);
          worst = worseFor(worst, repair);
          if (repair.failure !== undefined) break;
        }
      } finally {
        progress.stop();
      }
      const words = `${node}: ${formatFiles(totals.files)} compared; ${formatCount(totals.found)} bad, older or missing copies, ${formatCount(totals.mended)} mended`;
      output.row({ node, ...totals }, words);
    }
    return worst;
  }
}

async function* batches(client: Client, output: Output, node: NodeNumber): AsyncGenerator<readonly Path[]> {
  let batch: Path[] = [];
  for (const listing of [client.list("/", { recursive: true, node }), client.trash("/", { node })]) {
    for await (const { path, directory } of listing) {
      if (directory) continue;
      batch.push(path);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    sayIncomplete(output, listing);
  }
  if (batch.length > 0) yield batch;
}

function stateOf({ findings, unmended, failure }: NodeRepair): "whole" | "mended" | "unmended" | "unreachable" {
  if (failure !== undefined) return "unreachable";
  if (unmended.length > 0) return "unmended";
  return findings.length > 0 ? "mended" : "whole";
}

function worseFor(worst: QdfsError | undefined, { node, unmended, failure, findings }: NodeRepair): QdfsError | undefined {
  if (failure !== undefined) return worseOf(worst, new QdfsError("CLUSTER_UNREACHABLE", `${node}: ${failure}`, { node }));
  if (unmended.length === 0) return worst;
  const example = findings.find(({ mended }) => !mended);
  const words = example === undefined ? unmended.join(", ") : findingWords(example);
  return worseOf(worst, new QdfsError("CORRUPT", `${node}: ${words}; it goes on trying`, { node, unmended }));
}
