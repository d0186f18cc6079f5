import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { parseVersionedPath } from "../../base/path.ts";
import { formatCount, formatSize } from "../../base/units.ts";
import type { Stat } from "../../client/types.ts";
import type { Version } from "../../wire/messages.ts";
import { ClientCommand } from "../base-command.ts";
import { consistencyFlag, parseConsistency } from "../options.ts";
import { humanTime, isoTime, type Output, table } from "../output.ts";

export class StatCommand extends ClientCommand {
  static override paths = [["stat"]];
  static override usage = Command.Usage({
    details: "Shows a file's head, and what each of its replicas holds.",
    examples: [
      ["A file", "$0 stat /hello.txt"],
      ["For scripts", "$0 stat /hello.txt --json"],
    ],
  });

  readonly consistency = consistencyFlag();
  readonly remote = Option.String({ name: "PATH[@V]" });

  override async run(output: Output): Promise<Exit> {
    const { path, version } = parseVersionedPath(this.remote);
    const consistency = parseConsistency(this.consistency);
    return await this.withClient(async (client) => {
      const stat = await client.stat(path, { version, consistency });
      output.row(rowOf(stat), words(stat));
      return Exit.DONE;
    });
  }
}

function rowOf(stat: Stat): object {
  const { version: head } = stat;
  return {
    path: stat.path,
    version: head.version,
    operation: operationOf(head),
    sizeBytes: head.sizeBytes,
    checksum: head.checksum,
    modifiedAt: isoTime(head.modifiedAtMs),
    writtenAt: isoTime(head.writtenAtMs),
    contentType: head.contentType,
    metadata: head.metadata,
    mode: head.mode === 0 ? null : octal(head.mode),
    by: head.by,
    chunks: stat.chunks,
    chunkSizeBytes: head.chunks?.chunkSizeBytes ?? null,
    partition: stat.partition,
    configuration: stat.configuration,
    ballot: stat.ballot,
    guarantee: stat.guarantee,
    ...(stat.ageMs === undefined ? {} : { ageMs: stat.ageMs }),
    replicas: stat.replicas.map(({ node, version, state, cause }) => ({
      node,
      version,
      state,
      ...(cause === undefined ? {} : { cause }),
    })),
  };
}

function words(stat: Stat): string {
  const { version: head } = stat;
  const chunks =
    head.chunks === null ? "inline" : `${formatCount(stat.chunks)} chunks of ${formatSize(head.chunks.chunkSizeBytes)}`;
  const facts: [string, string][] = [
    ["version", String(head.version)],
    ["operation", operationOf(head)],
    ["size", `${formatSize(head.sizeBytes)} (${formatCount(head.sizeBytes)} bytes, ${chunks})`],
    ["checksum", head.checksum],
    ["modified", humanTime(head.modifiedAtMs)],
    ["written", `${humanTime(head.writtenAtMs)}${head.by === "" ? "" : ` by ${head.by}`}`],
    ["mode", head.mode === 0 ? "-" : octal(head.mode)],
    ["content type", head.contentType || "-"],
    ...Object.entries(head.metadata).map(([key, value]): [string, string] => [`meta ${key}`, value]),
    ["partition", `${stat.partition}, configuration ${stat.configuration}`],
    ["ballot", `${stat.ballot.configuration}.${stat.ballot.counter}.${stat.ballot.node}`],
    ["guarantee", stat.guarantee],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const replicas = table(stat.replicas, [
    { title: "replica", cell: (replica) => replica.node },
    { title: "version", cell: (replica) => (replica.version === 0 ? "-" : String(replica.version)), right: true },
    { title: "state", cell: (replica) => (replica.cause === undefined ? replica.state : `${replica.state} (${replica.cause})`) },
  ]);
  return [stat.path, ...facts.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`), "", replicas].join("\n");
}

/** What --if-version takes to mean this very version. */
function operationOf({ version, operation }: Version): string {
  return `${version}#${operation.random}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
