import { join } from "node:path";
import { Command, Option } from "clipanion";
import { codeOf, Exit, QdfsError } from "../../base/errors.ts";
import { baseName, parseDirectoryPath, parseVersionedPath, ROOT } from "../../base/path.ts";
import { formatDuration, formatFiles, formatSize } from "../../base/units.ts";
import type { Client } from "../../client/connect.ts";
import type { GetOptions, GetResult } from "../../client/types.ts";
import { CHUNK_BYTES_DEFAULT, FILES_IN_FLIGHT, INLINE_BYTES_MAX } from "../../limits.ts";
import { ClientCommand } from "../base-command.ts";
import { isLocalDirectory } from "../local-source.ts";
import { LocalTree, type TreePlace, writeLocalFile, writeSmallFile } from "../local-target.ts";
import { consistencyFlag, parseConsistency, parseRange } from "../options.ts";
import { type Output, roundedMs, sayIncomplete } from "../output.ts";
import { inParallel } from "../parallel.ts";
import { startProgress } from "../progress.ts";
import { Tally } from "../tally.ts";
import { segmentsBelow } from "../targets.ts";

const BYTES_IN_FLIGHT = 16 * 2 ** 20;

export class GetCommand extends ClientCommand {
  static override paths = [["get"]];
  static override usage = Command.Usage({
    details: `PATH is written to the local FILE; "-" is standard output. A directory keeps PATH's name. The file appears when it is complete
      and verified, never before. PATH@V is an earlier version.

      With -r, what is under PATH goes into DIR (into DIR/PATH's name when DIR ends with /): the inverse of put -r.`,
    examples: [
      ["A file into the current directory", "$0 get /docs/report.pdf ."],
      ["An earlier version to standard output", "$0 get /notes.txt@2 -"],
      ["Bytes 0 to 99", "$0 get /big.bin - --range 0-99"],
      ["A whole tree", "$0 get -r /photos photos-copy"],
    ],
  });

  readonly recursive = Option.Boolean("-r,--recursive", false, { description: "get everything under PATH" });
  readonly consistency = consistencyFlag();
  readonly range = Option.String("--range", {
    description: "A-B only bytes A to B, both included, counted from 0; A- is the rest",
  });
  readonly remote = Option.String({ name: "PATH[@V]" });
  readonly local = Option.String({ name: "FILE|DIR|-" });

  override async run(output: Output): Promise<Exit> {
    if (this.recursive) return await this.getTree(output);
    const { path, version } = parseVersionedPath(this.remote);
    const options: GetOptions = { version, consistency: parseConsistency(this.consistency), range: parseRange(this.range) };
    if (this.local === "") throw new QdfsError("BAD_USAGE", "the local file has no name");
    return await this.withClient(async (client) => {
      const began = performance.now();
      const result = await client.get(path, options);
      if (this.local === "-") {
        for await (const piece of result.passingBody) await output.bytes(piece);
        if (output.options.json) process.stderr.write(`${JSON.stringify(rowOf(result, performance.now() - began))}\n`);
        return Exit.DONE;
      }
      const file =
        (await isLocalDirectory(this.local)) || this.local.endsWith("/") ? await insideDirectory(this.local, path) : this.local;
      await this.save(output, result, file);
      this.print(output, result, performance.now() - began);
      return Exit.DONE;
    });
  }

  private async save(output: Output, result: GetResult, file: string): Promise<void> {
    const whole = this.range === undefined;
    const progress = await startProgress(output, result.path, "bytes", whole ? result.version.sizeBytes : 0);
    try {
      await writeLocalFile(file, counted(result.passingBody, progress.update), whole ? result.version : undefined);
    } finally {
      progress.stop();
    }
  }

  private print(output: Output, result: GetResult, elapsedMs: number): void {
    const { path, version, guarantee, node, ageMs } = result;
    const age = ageMs === undefined ? "" : `, at most ${formatDuration(ageMs)} old`;
    const words = `${path}@${version.version}  ${formatSize(version.sizeBytes)}  ${version.checksum}  ${guarantee}${age}, ${formatDuration(elapsedMs)}`;
    output.row(rowOf(result, elapsedMs), words);
    output.explain(`answered by ${node}`);
  }

  private async getTree(output: Output): Promise<Exit> {
    if (this.local === "-" || this.local === "") throw new QdfsError("BAD_USAGE", "-r needs a local directory");
    if (this.range !== undefined) throw new QdfsError("BAD_USAGE", "-r takes no --range");
    const directory = parseDirectoryPath(this.remote);
    const consistency = parseConsistency(this.consistency);
    const keepsName = this.local.endsWith("/") && directory !== ROOT;
    const tree = new LocalTree(keepsName ? join(this.local, baseName(directory)) : this.local);
    return await this.withClient(async (client) => {
      const tally = new Tally(output);
      const began = performance.now();
      const progress = await startProgress(output, directory, "files", 0);
      const listing = client.list(directory, { recursive: true });
      let bytes = 0;
      try {
        await inParallel(
          listing,
          { count: FILES_IN_FLIGHT, weight: BYTES_IN_FLIGHT },
          // Whatever a file's size, its transfer holds a few chunks.
          (entry) => Math.min(entry.sizeBytes, 4 * CHUNK_BYTES_DEFAULT),
          async (entry) => {
            if (entry.directory) return;
            await tally.attempt(entry.path, async () => {
              const place = await tree.prepare(segmentsBelow(directory, entry.path));
              bytes += await this.getOne(client, output, entry.path, place, { consistency });
            });
            progress.update(tally.done);
          },
        );
      } finally {
        progress.stop();
      }
      sayIncomplete(output, listing);
      if (tally.done + tally.failed === 0)
        throw new QdfsError("NOT_FOUND", `there is nothing under ${directory}`, { path: directory });
      output.notice(`${formatFiles(tally.done)}, ${formatSize(bytes)}, ${formatDuration(performance.now() - began)}`);
      return tally.finish();
    });
  }

  private async getOne(client: Client, output: Output, path: string, place: TreePlace, options: GetOptions): Promise<number> {
    const began = performance.now();
    let result: GetResult;
    try {
      result = await client.get(path, options);
    } catch (error) {
      if (codeOf(error) !== "NOT_FOUND") throw error;
      output.notice(`${path}: deleted since it was listed, skipped`);
      return 0;
    }
    const { body, passingBody, version } = result;
    if (version.sizeBytes <= INLINE_BYTES_MAX) writeSmallFile(place, await joined(body), version);
    else await writeLocalFile(place.file, passingBody, version, true);
    output.row(rowOf(result, performance.now() - began));
    output.explain(`${path}@${version.version} → ${place.file}`);
    return version.sizeBytes;
  }
}

function rowOf({ path, version, guarantee, ageMs }: GetResult, elapsedMs: number): object {
  const { sizeBytes, checksum } = version;
  return {
    path,
    version: version.version,
    sizeBytes,
    checksum,
    guarantee,
    ...(ageMs === undefined ? {} : { ageMs }),
    elapsedMs: roundedMs(elapsedMs),
  };
}

/** The file for `path` in a local directory, which is made when it was named with a `/` at its end. */
async function insideDirectory(directory: string, path: string): Promise<string> {
  return (await new LocalTree(directory).prepare([baseName(path)])).file;
}

async function joined(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}

async function* counted(body: AsyncIterable<Uint8Array>, update: (bytes: number) => void): AsyncIterable<Uint8Array> {
  let bytes = 0;
  for await (const piece of body) {
    yield piece;
    bytes += piece.length;
    update(bytes);
  }
}
