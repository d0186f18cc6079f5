/**
 * A SuperNode's servers listen before it serves: where they do is part of what DataNodes are told while its map is recovered. Until
 * then they turn callers away.
 */
import { QdfsError } from "../base/errors.ts";
import type { SuperNodeApi } from "../ports.ts";
import type { SetQuorumReply, SetQuorumRequest } from "../wire/change-messages.ts";
import type { LeaveReply, LeaveRequest } from "../wire/leave-messages.ts";
import type { HeartbeatReply, HeartbeatRequest, JoinReply, JoinRequest } from "../wire/membership-messages.ts";
import type { BackupReply, ListReply, ListRequest, MapReply, UsageReply, UsageRequest } from "../wire/messages.ts";
import type { StatusReply, StatusRequest } from "../wire/status-messages.ts";

/** What callers meet. */
export type ServedSuperNode = SuperNodeApi & { metrics(): string };

export class LateSuperNode implements SuperNodeApi {
  #superNode: ServedSuperNode | undefined;

  serve(superNode: ServedSuperNode): void {
    this.#superNode = superNode;
  }

  #served(): ServedSuperNode {
    if (this.#superNode === undefined)
      throw new QdfsError("CLUSTER_WAITING", "this SuperNode does not serve yet: it is starting, or its map is being recovered");
    return this.#superNode;
  }

  async getMap(): Promise<MapReply> {
    return await this.#served().getMap();
  }

  async join(request: JoinRequest): Promise<JoinReply> {
    return await this.#served().join(request);
  }

  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatReply> {
    return await this.#served().heartbeat(request);
  }

  async list(request: ListRequest): Promise<ListReply> {
    return await this.#served().list(request);
  }

  async usage(request: UsageRequest): Promise<UsageReply> {
    return await this.#served().usage(request);
  }

  async status(request: StatusRequest): Promise<StatusReply> {
    return await this.#served().status(request);
  }

  async leave(request: LeaveRequest): Promise<LeaveReply> {
    return await this.#served().leave(request);
  }

  async setQuorum(request: SetQuorumRequest): Promise<SetQuorumReply> {
    return await this.#served().setQuorum(request);
  }

  async backup(): Promise<BackupReply> {
    return await this.#served().backup();
  }

  metrics(): string {
    return this.#superNode?.metrics() ?? "";
  }
}
