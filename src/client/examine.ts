/** Collects what the doctor looks at (doctor/facts.ts): asks every server itself, the SuperNode about all, replicas about files. Changes nothing. */
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { isNewerMap } from "../cluster/map.ts";
import { answering, type Facts, type FileFacts, type ServerAnswer, type ServerFacts } from "../doctor/facts.ts";
import type { Clock, SuperNodeApi } from "../ports.ts";
import { DOCTOR_ANSWER_MS, DOCTOR_CLOCK_QUESTIONS } from "../tool-limits.ts";
import { type ClusterMap, ListKind, type MapReply } from "../wire/messages.ts";
import type { StatusReply } from "../wire/status-messages.ts";
import { fileHealth } from "./file-health.ts";
import { Inbox } from "./inbox.ts";
import { Listing } from "./listing.ts";
import type { ReadPorts } from "./read.ts";
import type { SuperNodes } from "./super-node.ts";

export interface ExaminePorts extends ReadPorts {
  readonly superNodes: SuperNodes;
}

/** `filesMax`: files whose replicas are compared at most. */
export async function examine(ports: ExaminePorts, filesMax: number): Promise<Facts> {
  const { holder, superNodes } = ports;
  const asked = new Map<string, Promise<{ readonly answer: ServerAnswer; readonly map: ClusterMap } | string>>();
  const ask = (address: string) => {
    const known = asked.get(address) ?? question(ports, address);
    asked.set(address, known);
    return known;
  };
  const status = await superNodes
    .call((server) => server.status({ eventual: false, partitions: true }))
    .catch((error: unknown): StatusReply | undefined => {
      if (codeOf(error) === undefined) throw error;
      return undefined;
    });
  await holder.refresh();
  const known = holder.map;
  const answers = await Promise.all([...known.supernodes, ...known.nodes.map(({ grpc }) => grpc)].map(ask));
  const map = answers.reduce(
    (newest, answer) => (typeof answer !== "string" && isNewerMap(answer.map, newest) ? answer.map : newest),
    known,
  );
  const server = async (name: string, address: string): Promise<ServerFacts> => {
    const told = await ask(address);
    return { name, address, answer: typeof told === "string" ? told : told.answer };
  };
  const nodes = await Promise.all(
    map.nodes.map(async ({ number, grpc }) => [number, await server(nodeName(number), grpc)] as const),
  );
  const supers = await Promise.all(map.supernodes.map((address) => server(`SuperNode ${address}`, address)));
  const wallMs = ports.runtime.clock.wallMs();
  const facts = { wallMs, map, superNodes: supers, nodes: new Map<NodeNumber, ServerFacts>(nodes), status, files: undefined };
  if (status === undefined || map.partitions.length === 0 || filesMax === 0) return facts;
  return { ...facts, files: await files(ports, filesMax, answering(facts)) };
}

async function files(ports: ExaminePorts, filesMax: number, live: ReadonlySet<NodeNumber>): Promise<FileFacts | undefined> {
  // One more than is looked at tells whether these are all.
  const listing = new Listing(ports.superNodes, "/", ListKind.FILES, { recursive: true, limit: filesMax + 1 });
  try {
    return await fileHealth(ports, listing, filesMax, live);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** A few questions: the quickest answer bounds the server's clock best. */
async function question(
  { holder, runtime }: ExaminePorts,
  address: string,
): Promise<{ readonly answer: ServerAnswer; readonly map: ClusterMap } | string> {
  let best: { readonly answer: ServerAnswer; readonly map: ClusterMap } | undefined;
  for (let asked = 0; asked < DOCTOR_CLOCK_QUESTIONS; asked++) {
    const inbox = new Inbox<MapReply | string>(runtime.timers);
    const [askedWallMs, askedMs] = [runtime.clock.wallMs(), runtime.clock.monotonicMs()];
    getMap(holder.server(address), inbox);
    const reply = await inbox.next(DOCTOR_ANSWER_MS);
    if (reply === undefined) return best ?? `no answer within ${DOCTOR_ANSWER_MS} ms`;
    if (typeof reply === "string") return best ?? reply;
    if (reply.map.clusterId !== holder.clusterId) return `a server of another cluster answers there (${reply.map.clusterId})`;
    const answer = answerOf(reply, askedWallMs, askedMs, runtime.clock);
    if (best === undefined || answer.clockErrorMs < best.answer.clockErrorMs) best = { answer, map: reply.map };
  }
  return best ?? "it was not asked";
}

function getMap(server: SuperNodeApi, inbox: Inbox<MapReply | string>): void {
  server.getMap().then(
    (reply) => inbox.push(reply),
    (error: unknown) => {
      if (codeOf(error) === undefined) throw error;
      inbox.push(messageOf(error));
    },
  );
}

/** The server read its clock at some moment of the round trip: taken to be the middle, off by half of it at most. */
function answerOf({ map, version, wallMs }: MapReply, askedWallMs: number, askedMs: number, clock: Clock): ServerAnswer {
  const roundTripMs = clock.monotonicMs() - askedMs;
  return {
    version,
    clockAheadMs: wallMs - (askedWallMs + roundTripMs / 2),
    clockErrorMs: roundTripMs / 2,
    generation: map.generation,
    mapVersion: map.version,
  };
}
