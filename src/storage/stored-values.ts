/** Values out of a database's columns that are not taken as they are: what makes no sense there was damaged. */
import { codeOf, messageOf } from "../base/errors.ts";
import { checkedMap } from "../cluster/check-map.ts";
import type { Followed } from "../ports.ts";
import { mapCodec } from "../wire/codec.ts";
import type { Ballot, ClusterMap } from "../wire/messages.ts";
import { damaged } from "./sqlite.ts";

const UINT32_MAX = 2 ** 32 - 1;

/** @throws QdfsError DATA_DIR_UNUSABLE */
export function storedMap(bytes: unknown, database: string): ClusterMap {
  if (!(bytes instanceof Uint8Array)) throw damaged(database, "its cluster map is none");
  try {
    return checkedMap(mapCodec.decode(bytes));
  } catch (error) {
    throw codeOf(error) === undefined ? error : damaged(database, messageOf(error));
  }
}

/** A whole number from 0 that is exact. @throws QdfsError DATA_DIR_UNUSABLE */
export function storedCount(value: unknown, what: string, database: string): number {
  if (typeof value === "number" && isCount(value)) return value;
  throw damaged(database, `its ${what} is ${String(value).slice(0, 80)}`);
}

const FOLLOWED = /^(\d{1,10}) (\S+) (\S+)$/;

export function followedText({ generation, life, supernode }: Followed): string {
  return `${generation} ${life} ${supernode}`;
}

/** Undefined: there is no such value. @throws QdfsError DATA_DIR_UNUSABLE */
export function followedIn(value: unknown, database: string): Followed | undefined {
  if (value === undefined) return undefined;
  const [, generation, life, supernode] = FOLLOWED.exec(String(value)) ?? [];
  if (generation === undefined || life === undefined || supernode === undefined)
    throw damaged(database, `it follows ${String(value).slice(0, 80)}`);
  return { generation: Number(generation), life, supernode };
}

/** @throws QdfsError DATA_DIR_UNUSABLE */
export function storedBallot(configuration: number, counter: number, node: number, database: string): Ballot {
  if (isCount(counter) && isUint32(configuration) && isUint32(node)) return { configuration, counter, node };
  throw damaged(database, `a ballot of ${configuration}.${counter}.${node}`);
}

export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isUint32(value: number): boolean {
  return isCount(value) && value <= UINT32_MAX;
}
