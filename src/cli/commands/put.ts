import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { joinPath } from "../../base/path.ts";
import { formatDuration, formatFiles, formatSize, parseCount } from "../../base/units.ts";
import type { Client } from "../../client/connect.ts";
import type { PutOptions, PutResult } from "../../client/types.ts";
import { FILES_IN_FLIGHT, REPLICAS_MAX } from "../../limits.ts";
import { author, ClientCommand } from "../base-command.ts";
import { asLocalFailure, localFailure } from "../local-failure.ts";
import { isLocalDirectory, localName, walk, withLocalFile } from "../local-source.ts";
import { type Output, roundedMs } from "../output.ts";
import { inParallel } from "../parallel.ts";
import { startProgress } from "../progress.ts";
import { Tally } from "../tally.ts";
import { parseTarget, resolveTarget, type Target } from "../targets.ts";
import { parseVersionCondition } from "../version-condition.ts";

/** File bytes on their way at a time; together with what one large upload holds in memory this keeps a tree under 200 MiB. */
const BYTES_IN_FLIGHT = 16 * 2 ** 20;

export class PutCommand extends ClientCommand {
  static override paths = [["put"]];
  static override usage = Command.Usage({
    details: `FILE is stored as PATH. "-" is standard input. A PATH that ends with / or is a directory keeps FILE's name.

      With -r, what DIR contains goes under PATH (under PATH/DIR's name when PATH ends with /), many files at a time; symbolic links
      are skipped. Modification times and permission bits are kept. A file that changes while it is read is not put.`,
    examples: [
      ["A file, under its own name", "$0 put report.pdf /docs/"],
      ["Standard input", "echo hello | $0 put - /hello.txt"],
      ["A whole tree", "$0 put -r photos /photos"],
      ["Only if nobody was faster", "$0 put config.json /config.json --if-version 3"],
    ],
  });

  readonly recursive = Option.Boolean("-r,--recursive", false, { description: "put what a directory contains" });
  readonly ifAbsent = Option.Boolean("--if-absent", false, { description: "only if there is no such file" });
  readonly ifVersion = Option.String("--if-version", {
    description: "V only if the current version is V (or V#OPERATION, as stat shows it)",
  });
  readonly ack = Option.String("--ack", { description: "K answer when K replicas hold it, 1 … N (default: the cluster's W)" });
  readonly contentType = Option.String("--content-type", { description: "TYPE stored with the version, as in text/plain" });
  readonly meta = Option.Array("--meta", { description: "K=V metadata stored with the version; may be repeated" });
  readonly local = Option.String({ name: "FILE|DIR|-" });
  readonly remote = Option.String({ name: "PATH" });

  protected override readonly mutates = true;

  override async run(output: Output): Promise<Exit> {
    const target = parseTarget(this.remote);
    const options = this.putOptions();
    if (this.recursive) return await this.putTree(output, target, options);
    if (this.local === "-") {
      if (target.directory) throw new QdfsError("BAD_USAGE", "standard input has no name: PATH must name a file");
      return await this.withClient(async (client) => this.print(output, await client.put(target.path, standardInput(), options)));
    }
    return await this.putFile(output, target, options);
  }

  private putOptions(): PutOptions {
    if (this.ifAbsent && this.ifVersion !== undefined)
      throw new QdfsError("BAD_USAGE", "--if-absent and --if-version exclude each other");
    if (this.recursive && (this.ifVersion !== undefined || this.local === "-")) {
      throw new QdfsError("BAD_USAGE", `-r takes no ${this.local === "-" ? "standard input" : "--if-version"}`);
    }
    return {
      ifAbsent: this.ifAbsent,
      ifVersion: parseVersionCondition(this.ifVersion),
      ack: this.ack === undefined ? undefined : parseCount(this.ack, "--ack", 1, REPLICAS_MAX),
      contentType: this.contentType,
      metadata: parseMetadata(this.meta ?? []),
      by: author(),
    };
  }

  private async putFile(output: Output, target: Target, options: PutOptions): Promise<Exit> {
    return await withLocalFile(this.local, async (local, content) =>
      this.withClient(async (client) => {
        const path = await resolveTarget(client, output, target, localName(this.local));
        const progress = await startProgress(output, path, "bytes", local.sizeBytes);
        try {
          const { modifiedAtMs, mode, sizeBytes: sizeHintBytes } = local;
          const result = await client.put(path, content, {
            ...options,
            modifiedAtMs,
            mode,
            sizeHintBytes,
            onProgress: progress.update,
          });
          return this.print(output, result);
        } finally {
          progress.stop();
        }
      }),
    );
  }

  private async putTree(output: Output, target: Target, options: PutOptions): Promise<Exit> {
    if (!(await isLocalDirectory(this.local))) {
      // Says what is wrong with it, or puts the single file that it is.
      return await this.putFile(output, target, options);
    }
    const keepsName = target.directory && target.path !== "/";
    const root = keepsName ? joinPath(target.path, this.directoryName()) : target.path;
    return await this.withClient(async (client) => {
      const tally = new Tally(output);
      const began = performance.now();
      const progress = await startProgress(output, root, "files", 0);
      let bytes = 0;
      try {
        await inParallel(
          walk(this.local),
          { count: FILES_IN_FLIGHT, weight: BYTES_IN_FLIGHT },
          (found) => (found.kind === "file" ? found.sizeBytes : 0),
          async (found) => {
            if (found.kind === "symlink") return output.notice(`${found.file}: symbolic link, skipped`);
            if (found.kind === "failure") return tally.fail(found.file, found.failure);
            await tally.attempt(found.file, async () => {
              bytes += await this.putOne(client, output, found.file, joinPath(root, found.relative), options);
            });
            progress.update(tally.done);
          },
        );
      } finally {
        progress.stop();
      }
      output.notice(`${formatFiles(tally.done)}, ${formatSize(bytes)}, ${formatDuration(performance.now() - began)}`);
      return tally.finish();
    });
  }

  private directoryName(): string {
    const name = localName(this.local);
    if (name === "" || name === "." || name === "..")
      throw localFailure(this.local, "it has no name to keep; give PATH without the trailing /");
    return name;
  }

  private async putOne(client: Client, output: Output, file: string, path: string, options: PutOptions): Promise<number> {
    return await withLocalFile(file, async ({ modifiedAtMs, mode, sizeBytes }, content) => {
      const result = await client.put(path, content, { ...options, modifiedAtMs, mode, sizeHintBytes: sizeBytes });
      output.row(rowOf(result));
      output.explain(`${result.path}@${result.version}  ${formatSize(result.sizeBytes)}`);
      return result.sizeBytes;
    });
  }

  private print(output: Output, result: PutResult): Exit {
    const { path, version, sizeBytes, checksum, guarantee, acks, elapsedMs, node } = result;
    output.row(
      rowOf(result),
      `${path}@${version}  ${formatSize(sizeBytes)}  ${checksum}  ${guarantee}, ${acks} replicas, ${formatDuration(elapsedMs)}`,
    );
    output.explain(`coordinated by ${node}`);
    return Exit.DONE;
  }
}

function rowOf({ path, version, sizeBytes, checksum, guarantee, acks, elapsedMs }: PutResult): object {
  return { path, version, sizeBytes, checksum, guarantee, acks, elapsedMs: roundedMs(elapsedMs) };
}

function parseMetadata(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new QdfsError("BAD_USAGE", `--meta takes KEY=VALUE, not ${JSON.stringify(pair)}`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Standard input; what keeps it from being read (a directory, say) is local trouble. */
async function* standardInput(): AsyncGenerator<Uint8Array> {
  try {
    yield* process.stdin;
  } catch (error) {
    throw asLocalFailure(error, "standard input");
  }
}
