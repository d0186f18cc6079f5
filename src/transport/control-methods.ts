/** The methods of the control plane as bytes in, bytes out: what the gRPC adapter and its twin in memory have in common. */
import { checkedMap } from "../cluster/check-map.ts";
import type { ClusterApi, DataNodeApi, SuperNodeApi } from "../ports.ts";
import type { SetQuorumReply, SetQuorumRequest } from "../wire/change-messages.ts";
import { type Codec, codecOf } from "../wire/codec.ts";
import type { LeaveReply, LeaveRequest } from "../wire/leave-messages.ts";
import type { RepairReply, RepairRequest, ScrubReport, ScrubRequest } from "../wire/maintenance-messages.ts";
import type {
  FollowReply,
  FollowRequest,
  HeartbeatReply,
  HeartbeatRequest,
  JoinReply,
  JoinRequest,
} from "../wire/membership-messages.ts";
import type {
  BackupReply,
  ClusterMap,
  GetMapRequest,
  ListReply,
  ListRequest,
  MapReply,
  UsageReply,
  UsageRequest,
} from "../wire/messages.ts";
import type { StatusReply, StatusRequest } from "../wire/status-messages.ts";

interface Method<Q, A> {
  readonly path: string;
  readonly request: Codec<Q>;
  readonly answer: Codec<A>;
}

function method<Q, A>(path: string, request: string, answer: string): Method<Q, A> {
  return { path: `/qdfs.v1.${path}`, request: codecOf(request), answer: codecOf(answer) };
}

const GET_MAP = method<GetMapRequest, MapReply>("Cluster/GetMap", "GetMapRequest", "MapReply");
const FOLLOW = method<FollowRequest, FollowReply>("Member/Follow", "FollowRequest", "FollowReply");
const JOIN = method<JoinRequest, JoinReply>("SuperNode/Join", "JoinRequest", "JoinReply");
const HEARTBEAT = method<HeartbeatRequest, HeartbeatReply>("SuperNode/Heartbeat", "HeartbeatRequest", "HeartbeatReply");
const LIST = method<ListRequest, ListReply>("SuperNode/List", "ListRequest", "ListReply");
const USAGE = method<UsageRequest, UsageReply>("SuperNode/Usage", "UsageRequest", "UsageReply");
const STATUS = method<StatusRequest, StatusReply>("SuperNode/Status", "StatusRequest", "StatusReply");
const LEAVE = method<LeaveRequest, LeaveReply>("SuperNode/Leave", "LeaveRequest", "LeaveReply");
const SET_QUORUM = method<SetQuorumRequest, SetQuorumReply>("SuperNode/SetQuorum", "SetQuorumRequest", "SetQuorumReply");

const BACKUP = method<Record<string, never>, BackupReply>("SuperNode/Backup", "BackupRequest", "BackupReply");

const SCRUB = method<ScrubRequest, ScrubReport>("Maintenance/Scrub", "ScrubRequest", "ScrubReport");
const REPAIR = method<RepairRequest, RepairReply>("Maintenance/Repair", "RepairRequest", "RepairReply");

export type ControlApi = ClusterApi | DataNodeApi | SuperNodeApi;

/** The gRPC path of a method, and what answers it. Rejects with QdfsError. */
export interface ServedMethod {
  readonly path: string;
  readonly run: (request: Uint8Array) => Promise<Buffer>;
}

function served<Q, A>({ path, request, answer }: Method<Q, A>, run: (request: Q) => Promise<A>): ServedMethod {
  return { path, run: async (bytes) => answer.encode(await run(request.decode(bytes))) };
}

export function servedMethods(api: ControlApi): readonly ServedMethod[] {
  const cluster = [served(GET_MAP, () => api.getMap())];
  if ("follow" in api)
    return [
      ...cluster,
      served(FOLLOW, (request) => api.follow(request)),
      served(SCRUB, (request) => api.scrub(request)),
      served(REPAIR, (request) => api.repair(request)),
    ];
  if (!("join" in api)) return cluster;
  return [
    ...cluster,
    served(JOIN, (request) => api.join(request)),
    served(HEARTBEAT, (request) => api.heartbeat(request)),
    served(LIST, (request) => api.list(request)),
    served(USAGE, (request) => api.usage(request)),
    served(STATUS, (request) => api.status(request)),
    served(BACKUP, () => api.backup()),
    served(LEAVE, (request) => api.leave(request)),
    served(SET_QUORUM, (request) => api.setQuorum(request)),
  ];
}

function withCheckedMap<A extends { readonly map: ClusterMap | null }>(answer: A): A {
  if (answer.map !== null) checkedMap(answer.map);
  return answer;
}

/** The API of a server that is reached by `call` (path, request → answer). Maps are handed on checked. */
export function calledApi(call: (path: string, request: Buffer) => Promise<Uint8Array>): SuperNodeApi & DataNodeApi {
  const caller =
    <Q, A>({ path, request, answer }: Method<Q, A>): ((message: Q) => Promise<A>) =>
    async (message) =>
      answer.decode(await call(path, request.encode(message)));
  const [getMap, follow, join, heartbeat] = [caller(GET_MAP), caller(FOLLOW), caller(JOIN), caller(HEARTBEAT)];
  const backup = caller(BACKUP);
  return {
    getMap: async () => withCheckedMap(await getMap({})),
    follow: async (request) => withCheckedMap(await follow(request)),
    join: async (request) => withCheckedMap(await join(request)),
    heartbeat: async (request) => withCheckedMap(await heartbeat(request)),
    list: caller(LIST),
    usage: caller(USAGE),
    status: caller(STATUS),
    backup: () => backup({}),
    scrub: caller(SCRUB),
    repair: caller(REPAIR),
    leave: caller(LEAVE),
    setQuorum: caller(SET_QUORUM),
  };
}
