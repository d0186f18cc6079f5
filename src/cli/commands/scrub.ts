import { Command, Option } from "clipanion";
import { codeOf, Exit, QdfsError } from "../../base/errors.ts";
import type { NodeNumber } from "../../base/ids.ts";
import { formatCount, formatDuration, formatSize } from "../../base/units.ts";
import type { Client, NodeScrub } from "../../client/connect.ts";
import { ClientCommand } from "../base-command.ts";
import { worseOf } from "../failure.ts";
import { findingWords } from "../finding-words.ts";
import { nodesFor } from "../node-flag.ts";
import { isoTime, type Output } from "../output.ts";
import { type Progress, startProgress } from "../progress.ts";

const POLL_MS = 300;
/** A node that restarts goes on with its pass: so long it may be away. */
const AWAY_MS = 60_000;

export class ScrubCommand extends ClientCommand {
  static override paths = [["scrub"]];
  static override usage = Command.Usage({
    details: `Has DataNodes read all of their stored bytes again and verify them, now and faster than the pass that each makes by itself in every
      --scrub-period. Bad and missing copies are set aside and fetched again from other replicas.

      --wait ends when all has been read and everything found is mended; exit code 9 if something could not be mended.`,
    examples: [
      ["All DataNodes, in the background", "$0 scrub"],
      ["One, and wait until it is whole", "$0 scrub --node dn-2 --wait"],
      ["Where do they stand?", "$0 scrub --show"],
    ],
  });

  readonly node = Option.String("--node", { description: "N this DataNode alone, as in dn-2" });
  readonly wait = Option.Boolean("--wait", false, { description: "wait for the end, and show what was found" });
  readonly show = Option.Boolean("--show", false, { description: "begin nothing, only tell where the last pass stands" });

  override async run(output: Output): Promise<Exit> {
    return await this.withClient(async (client) => {
      const nodes = nodesFor(client, this.node);
      const begun = await Promise.all(nodes.map((node) => client.scrub(node, { start: !this.show })));
      const scrubs = this.wait ? await this.ended(client, nodes, begun, output) : begun;
      let worst: QdfsError | undefined;
      for (const scrub of scrubs) {
        output.row(rowOf(scrub), words(scrub));
        if (this.wait && scrub.unmended > 0) worst = worseOf(worst, unmended(scrub));
      }
      if (worst !== undefined) throw worst;
      return Exit.DONE;
    });
  }

  private async ended(
    client: Client,
    nodes: readonly NodeNumber[],
    begun: readonly NodeScrub[],
    output: Output,
  ): Promise<readonly NodeScrub[]> {
    const latest = new Map(begun.map((scrub) => [scrub.node, scrub]));
    const sum = (of: (scrub: NodeScrub) => number) => [...latest.values()].reduce((total, scrub) => total + of(scrub), 0);
    const progress: Progress = await startProgress(
      output,
      "verified",
      "bytes",
      sum(({ bytesTotal }) => bytesTotal),
    );
    try {
      return await Promise.all(
        nodes.map((node, at) =>
          endOf(client, node, begun[at]?.pass ?? 0, (scrub) => {
            latest.set(scrub.node, scrub);
            progress.update(sum(({ bytes }) => bytes));
          }),
        ),
      );
    } finally {
      progress.stop();
    }
  }
}

/** Resolves when that pass, or a later one, has ended and everything found has been seen to. */
async function endOf(client: Client, node: NodeNumber, pass: number, show: (scrub: NodeScrub) => void): Promise<NodeScrub> {
  let heardMs = performance.now();
  for (;;) {
    try {
      const scrub = await client.scrub(node);
      heardMs = performance.now();
      show(scrub);
      if (scrub.pass >= pass && !scrub.running && scrub.untried === 0) return scrub;
    } catch (error) {
      if (codeOf(error) !== "CLUSTER_UNREACHABLE" || performance.now() - heardMs > AWAY_MS) throw error;
    }
    await Bun.sleep(POLL_MS);
  }
}

function unmended({ node, unmended: count, findings }: NodeScrub): QdfsError {
  const example = findings.find(({ mended }) => !mended);
  const words = example === undefined ? "" : `, as the ${findingWords(example)}`;
  return new QdfsError(
    "CORRUPT",
    `${node}: ${formatCount(count)} bad or missing copies could not be mended yet${words}; it goes on trying`,
    { node, unmended: count },
  );
}

function rowOf(scrub: NodeScrub): object {
  const { startedAtMs, finishedAtMs, ...facts } = scrub;
  return { ...facts, startedAt: isoTime(startedAtMs), finishedAt: isoTime(finishedAtMs) };
}

function words(scrub: NodeScrub): string {
  const { node, pass, running, aside, bytes, bytesTotal, files, contents, chunks, found, mended, unmended: left } = scrub;
  if (pass === 0) return `${node}: no pass yet`;
  const read = `${formatFilesRead(files, contents, chunks)}, ${formatSize(bytes)}`;
  const state = running
    ? `pass ${pass} is under way${aside ? ", standing aside for load" : ""}: ${read} of about ${formatSize(bytesTotal)}`
    : `pass ${pass} is done: ${read} in ${formatDuration(scrub.finishedAtMs - scrub.startedAtMs)}`;
  const bad = found === 0 && left === 0 ? "nothing bad" : `${found} bad or missing, ${mended} mended, ${left} not mended now`;
  return [`${node}: ${state}; ${bad}`, ...scrub.findings.map((finding) => `  ${findingWords(finding)}`)].join("\n");
}

function formatFilesRead(files: number, contents: number, chunks: number): string {
  return `${formatCount(files)} heads, ${formatCount(contents)} contents, ${formatCount(chunks)} chunks`;
}
