/** Reading heads and inline content: strong (P11) and eventual, over the sessions of one client. */
import { checksumOf } from "../base/checksum.ts";
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { nodeOf, replicasOf } from "../cluster/map.ts";
import { QUORUM_PATIENCE_MS, READ_HEDGE_MS, UNAVAILABLE_PATIENCE_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { ABSENT, isAbsent } from "../register/ballot.ts";
import { keptVersion } from "../register/head.ts";
import { mostNeeded, readNeed } from "../register/quorum.ts";
import { decodeHeld, readRegister } from "../register/reader.ts";
import {
  type AnswerBody,
  type Ballot,
  type Configuration,
  type Head,
  type RequestBody,
  type Version,
  Want,
} from "../wire/messages.ts";
import { askInTurn } from "./ask.ts";
import { askReplicas, beforeAskingAgain } from "./fresh-map.ts";
import type { MapHolder } from "./map-holder.ts";
import type { Peers } from "./peers.ts";
import type { Router } from "./router.ts";
import type { Suspicions } from "./suspicions.ts";

export interface ReadPorts {
  readonly holder: MapHolder;
  readonly peers: Peers;
  readonly router: Router;
  readonly runtime: Runtime;
  readonly suspicions: Suspicions;
}

export interface ReadRequest {
  readonly path: Path;
  /** 0: the current one. */
  readonly version: number;
  readonly want: "head" | "content";
  readonly budgetMs: number;
  /** Told about every request as it ends. */
  readonly onAnswer?: (node: NodeNumber, elapsedMs: number, answer: string) => void;
}

export interface HeadRead {
  readonly ballot: Ballot;
  /** Undefined: never written, or erased. */
  readonly head: Head | undefined;
  readonly content: Uint8Array | undefined;
  readonly node: NodeNumber;
  readonly configuration: Configuration;
  readonly settled: boolean;
  /** Eventual reads: how old the answer may be, where the replica knows. */
  readonly ageMs?: number;
}

/**
 * The file's head, linearizable. A replica that goes by another map is met by fetching the map and starting over.
 * @throws QdfsError QUORUM_UNAVAILABLE with its arithmetic, CLUSTER_WAITING
 */
export async function readStrong(ports: ReadPorts, request: ReadRequest): Promise<HeadRead> {
  const { holder, router, runtime } = ports;
  const { clock, timers } = runtime;
  const startedMs = clock.monotonicMs();
  for (let tries = 0; ; tries += 1) {
    const configuration = holder.knownConfigurationOf(request.path) ?? (await holder.configurationOf(request.path));
    const budgetMs = tries === 0 ? request.budgetMs : Math.max(1, request.budgetMs - (clock.monotonicMs() - startedMs));
    let staleAt: NodeNumber | undefined;
    router.began();
    const order = router.readOrder(replicasOf(configuration));
    measureBeside(ports, request, configuration, order);
    try {
      const read = await readRegister({
        path: request.path,
        configuration,
        want: request.want,
        version: request.version,
        order,
        pace: router,
        call: (node, body, timeoutMs) => observed(ports, request, node, configuration, body, timeoutMs),
        stale: (node) => {
          staleAt = node;
        },
        settle: (budget) => settle(ports, request.path, configuration, budget),
        timers,
        clock,
        budgetMs: Math.min(budgetMs, UNAVAILABLE_PATIENCE_MS),
      });
      ports.suspicions.behind(read.behind, request.path);
      return { ...read, configuration };
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || clock.monotonicMs() - startedMs >= Math.min(UNAVAILABLE_PATIENCE_MS, request.budgetMs))
        throw error;
      if (staleAt !== undefined) await holder.refresh(nodeOf(holder.map, staleAt).grpc);
      else if (code === "CONFIGURATION_STALE") await holder.refresh();
      else if (code === "QUORUM_UNAVAILABLE") void holder.refresh();
      else if (code !== "CONFLICT" && code !== "OVERLOADED") throw error;
      await beforeAskingAgain(ports, request.path, configuration, tries);
    }
  }
}

/**
 * One replica's answer, the first that comes. A replica that holds nothing of the file may just be behind: its word is taken
 * only when no other says more.
 * @throws QdfsError QUORUM_UNAVAILABLE when none answers
 */
export async function readEventual(ports: ReadPorts, request: ReadRequest): Promise<HeadRead> {
  const want = request.want === "content" ? Want.CONTENT : Want.HEAD;
  const body = { read: { path: request.path, want, version: request.version, age: true } };
  let absent: { readonly node: NodeNumber; readonly configuration: Configuration } | undefined;
  try {
    const {
      node,
      configuration,
      answer: { held, head },
    } = await askReplicas(ports, {
      path: request.path,
      budgetMs: request.budgetMs,
      ask: async (replica, configuration, timeoutMs) => {
        const { held } = await observed(ports, request, replica, configuration, body, timeoutMs);
        if (!held) throw new QdfsError("BAD_REQUEST", "it answered a read with something else");
        if (!isAbsent(held.ballot)) return { held, head: decodeHeld(held.head) };
        absent ??= { node: replica, configuration };
        throw new QdfsError("NOT_FOUND", "it holds nothing of it");
      },
      what: `eventual read of ${request.path}`,
    });
    const content = held.contentHeld ? held.content : undefined;
    const age = held.ageKnown ? { ageMs: held.ageMs ?? 0 } : {};
    return { ballot: held.ballot, head, content, node, configuration, settled: false, ...age };
  } catch (error) {
    if (absent === undefined || codeOf(error) === undefined) throw error;
    return { ballot: ABSENT, head: undefined, content: undefined, ...absent, settled: false };
  }
}

/**
 * Verified inline bytes of a version: those that came with the read, else another replica's.
 * @throws QdfsError CORRUPT when no replica that answers holds valid bytes, QUORUM_UNAVAILABLE when none answers
 */
export async function inlineContent(
  ports: ReadPorts,
  request: ReadRequest,
  read: HeadRead,
  version: Version,
): Promise<Uint8Array> {
  const valid = (content: Uint8Array) => content.length === version.sizeBytes && checksumOf(content) === version.checksum;
  if (read.content !== undefined && valid(read.content)) return read.content;
  const { peers, suspicions } = ports;
  if (!read.settled) suspicions.bad(read.node, request.path);
  const body = { fetch: { path: request.path, random: version.operation.random } };
  const { answer } = await askReplicas(ports, {
    path: request.path,
    budgetMs: request.budgetMs,
    ask: async (replica, configuration, timeoutMs) => {
      const { fetched } = await peers.call(replica, configuration, body, timeoutMs);
      if (fetched?.held && valid(fetched.content)) return fetched.content;
      suspicions.bad(replica, request.path);
      throw new QdfsError("CORRUPT", fetched?.held ? "its bytes do not have their checksum" : "it does not hold the bytes");
    },
    what: `content of ${request.path}`,
  });
  return answer;
}

/** A replica that reads have passed over for long is asked too, and nobody waits for it: it may have become the better one. */
function measureBeside(
  ports: ReadPorts,
  { path }: ReadRequest,
  configuration: Configuration,
  order: readonly NodeNumber[],
): void {
  const { peers, router, runtime } = ports;
  const node = router.toMeasure(order, mostNeeded(configuration, readNeed));
  if (node === undefined) return;
  const { clock } = runtime;
  const startedMs = clock.monotonicMs();
  const measured = () => router.measured(node, clock.monotonicMs() - startedMs);
  const body = { read: { path, want: Want.BALLOT, version: 0 } };
  peers.call(node, configuration, body, QUORUM_PATIENCE_MS).then(measured, (error: unknown) => {
    const code = codeOf(error);
    if (code === undefined) throw error;
    if (code === "NODE_SILENT") measured();
  });
}

/** What a result says of its read. */
export function ageOf({ ageMs }: HeadRead): { readonly ageMs?: number } {
  return ageMs === undefined ? {} : { ageMs };
}

/**
 * The version asked for, which is a file's and not a deletion's.
 * @throws QdfsError NOT_FOUND saying what there is instead
 */
export function versionIn(read: HeadRead, path: Path, version: number): { readonly head: Head; readonly version: Version } {
  const { head } = read;
  if (head === undefined || head.current.version === 0) throw new QdfsError("NOT_FOUND", `${path} does not exist`, { path });
  const found = keptVersion(head, version);
  if (found !== undefined && !found.tombstone) return { head, version: found };
  const kept = keptNumbers(head);
  const instead = kept.length === 0 ? "no version is kept" : `kept: ${kept.map((number) => `@${number}`).join(" ")}`;
  const what = found === undefined ? `${path}@${version} is not kept` : `${path} was deleted by version ${found.version}`;
  throw new QdfsError("NOT_FOUND", `${what}; ${instead}`, { path, version, kept });
}

/** Numbers of the versions that can be read, newest first. */
function keptNumbers(head: Head): readonly number[] {
  return [head.current, ...head.history].filter((version) => !version.tombstone).map((version) => version.version);
}

/** Has a coordinator settle the file: asked in write order, repeated freely. */
async function settle(ports: ReadPorts, path: Path, configuration: Configuration, budgetMs: number) {
  const { peers, router, runtime } = ports;
  const { answer } = await askInTurn({
    order: router.writeOrder(replicasOf(configuration)),
    hedge: 4 * READ_HEDGE_MS,
    budgetMs,
    runtime,
    ask: async (node, timeoutMs) => {
      const { settled } = await peers.call(node, configuration, { settle: { path, budgetMs: timeoutMs } }, timeoutMs);
      if (!settled) throw new QdfsError("BAD_REQUEST", "it answered a settle with something else");
      return settled;
    },
    what: `settling ${path}`,
  });
  return answer;
}

function observed(
  ports: ReadPorts,
  request: ReadRequest,
  node: NodeNumber,
  configuration: Configuration,
  body: RequestBody,
  timeoutMs: number,
): Promise<AnswerBody> {
  const { onAnswer } = request;
  if (onAnswer === undefined) return ports.peers.call(node, configuration, body, timeoutMs);
  return told(ports, onAnswer, node, configuration, body, timeoutMs);
}

async function told(
  { peers, runtime }: ReadPorts,
  onAnswer: NonNullable<ReadRequest["onAnswer"]>,
  node: NodeNumber,
  configuration: Configuration,
  body: RequestBody,
  timeoutMs: number,
): Promise<AnswerBody> {
  const startedMs = runtime.clock.monotonicMs();
  const ended = (answer: string) => onAnswer(node, runtime.clock.monotonicMs() - startedMs, answer);
  try {
    const answer = await peers.call(node, configuration, body, timeoutMs);
    ended(describe(body, answer));
    return answer;
  } catch (error) {
    ended(messageOf(error));
    throw error;
  }
}

function describe(body: RequestBody, { held }: AnswerBody): string {
  if (!held) return "answered";
  if (isAbsent(held.ballot)) return "holds nothing of it";
  const what = body.read?.want === Want.BALLOT ? "ballot" : held.contentHeld ? "head and content" : "head";
  return held.chosen ? `${what}, known chosen` : what;
}
