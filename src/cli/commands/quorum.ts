import { Command, Option } from "clipanion";
import { codeOf, Exit, QdfsError } from "../../base/errors.ts";
import { formatCount, formatDuration, formatFiles, formatSize } from "../../base/units.ts";
import type { Client } from "../../client/connect.ts";
import { formatQuorum, parseQuorumSpec, type QuorumSpec } from "../../cluster/quorum-spec.ts";
import { CARRY_RETRY_MS } from "../../limits.ts";
import type { SetQuorumReply } from "../../wire/change-messages.ts";
import type { StatusReply } from "../../wire/status-messages.ts";
import { ClientCommand } from "../base-command.ts";
import { quorumRow, quorumWords, rebalanceWords } from "../cluster-rows.ts";
import type { Output } from "../output.ts";

export class QuorumCommand extends ClientCommand {
  static override paths = [["quorum"]];
  static override usage = Command.Usage({
    details: `
      \`qdfs quorum show\` says which quorum is in force, since when, and what is under way. \`qdfs quorum set SPEC\` changes it while the cluster works.

      SPEC is n=3,w=2,r=2, or majority, read-optimized (r=1, w=n), write-optimized (w=1, r=n), adaptive, each also as NAME,n=5. It is written down, and then every
      partition is brought to it, some at a time, each through a configuration in which both quorums are needed; reads and writes go on, and no acknowledged write is
      lost. Where fewer replicas are to be read, or more are to hold each file, all files are looked through first; the other way nothing is. With more
      replicas files are copied; with fewer DataNodes than n it is refused.

      The command waits and tells on stderr how far it is. Interrupting it interrupts nothing else: the change goes on, and over deaths of any server, too. A second
      \`set\` takes the first one's place, wherever that is; setting what was before takes a change back.
    `,
    examples: [
      ["The quorum, and what is under way", "$0 quorum show"],
      ["What five copies, three of them enough, would take", "$0 quorum set n=5,w=3,r=3 --dry-run"],
      ["Reads from one replica", "$0 quorum set read-optimized"],
      ["Say so, and do not wait for it", "$0 quorum set n=3,w=2,r=2 --no-wait"],
    ],
  });

  readonly action = Option.String({ name: "show|set" });
  readonly spec = Option.String({ name: "SPEC", required: false });
  readonly dryRun = Option.Boolean("--dry-run", false, { description: "set: say what would change, and change nothing" });
  readonly noWait = Option.Boolean("--no-wait", false, {
    description: "set: end when it is written down, not when it is in force",
  });

  protected override readonly mutates = true;

  override async run(output: Output): Promise<Exit> {
    const { action, spec } = this;
    if (action !== "show" && action !== "set")
      throw new QdfsError("BAD_USAGE", `quorum takes show or set, not ${JSON.stringify(action)}`);
    if (action === "show" && (spec !== undefined || this.dryRun || this.noWait))
      throw new QdfsError("BAD_USAGE", "quorum show takes no SPEC, and nothing that goes with set");
    if (action === "set" && spec === undefined) throw new QdfsError("BAD_USAGE", "quorum set takes a SPEC, as in n=3,w=2,r=2");
    const wanted = spec === undefined ? undefined : parseQuorumSpec(spec);
    return await this.withClient(async (client) => {
      if (wanted === undefined) show(output, await client.status({ eventual: true }));
      else await this.#set(output, client, wanted);
      return Exit.DONE;
    });
  }

  async #set(output: Output, client: Client, wanted: QuorumSpec): Promise<void> {
    const startedMs = performance.now();
    const reply = await client.setQuorum({ ...wanted, dryRun: this.dryRun });
    const { before, after, partitions, placements, files, sizeBytes, aboutMs } = reply;
    const facts = { from: numbersOf(before), to: numbersOf(after), partitions, placements, files, sizeBytes, aboutMs };
    if (this.dryRun || this.noWait) {
      const inForce = !this.dryRun && partitions === 0;
      output.row({ ...facts, dryRun: this.dryRun, inForce }, planWords(reply, this.dryRun));
      return;
    }
    if (partitions > 0) output.notice(planWords(reply, false));
    const { policy } = await inForce(output, client, after);
    const elapsedMs = Math.round(performance.now() - startedMs);
    const words = `the quorum ${formatQuorum(policy)} is in force${partitions > 0 ? `, after ${formatDuration(elapsedMs)}` : " already"}`;
    output.row({ ...facts, dryRun: false, inForce: true, elapsedMs }, words);
  }
}

function show(output: Output, status: StatusReply): void {
  const { rebalance } = status;
  const words = [quorumWords(status), ...(rebalance === null ? [] : rebalanceWords(rebalance))];
  output.row({ ...quorumRow(status), rebalance }, words.join("\n"));
}

/** Waits until every partition has it. @throws QdfsError CONFLICT: somebody asked for another one meanwhile */
async function inForce(output: Output, client: Client, wanted: QuorumSpec): Promise<StatusReply> {
  let said = "";
  const say = (words: string): void => {
    if (words !== "" && words !== said) output.notice(words);
    said = words;
  };
  for (; ; await new Promise<void>((resolve) => setTimeout(resolve, CARRY_RETRY_MS))) {
    let status: StatusReply;
    try {
      status = await client.status({ eventual: true });
    } catch (error) {
      if (codeOf(error) !== "CLUSTER_UNREACHABLE") throw error;
      say("the SuperNode does not answer; the change goes on when it is back");
      continue;
    }
    const { policy, rebalance } = status;
    if (policy.n !== wanted.n || policy.w !== wanted.w || policy.r !== wanted.r)
      throw new QdfsError("CONFLICT", `another quorum was asked for meanwhile: ${formatQuorum(policy)}`, numbersOf(policy));
    if (policy.sinceMs) return status;
    if (rebalance !== null) say(rebalanceWords(rebalance).join("\n"));
  }
}

function numbersOf({ n, w, r, name }: QuorumSpec) {
  return { n, w, r, name };
}

function planWords(reply: SetQuorumReply, dryRun: boolean): string {
  const { before, after, partitions, placements, files, sizeBytes, aboutMs } = reply;
  const head = `from ${formatQuorum(before)} to ${formatQuorum(after)}: ${formatCount(partitions)} partitions ${dryRun ? "would change" : "change"}`;
  if (partitions === 0) return head;
  const looked = files === 0 ? "no file has to be looked through" : `${formatFiles(files)} to be looked through`;
  const copied =
    placements === 0
      ? "nothing is copied to other nodes"
      : `${formatCount(placements)} copies of partitions, about ${formatSize(sizeBytes)}`;
  return `${head}; ${looked}, ${copied}; at least ${formatDuration(aboutMs)}`;
}
