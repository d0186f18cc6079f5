/** `identity.json`: whose a data directory is. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { QdfsError } from "../base/errors.ts";
import { syncDirectoryNow } from "./directory-sync.ts";
import { systemCode } from "./file-failure.ts";

export type Role = "datanode" | "supernode";

export interface Identity {
  readonly role: Role;
  /** Empty: not admitted by any cluster yet. */
  readonly clusterId: string;
  /** 0: a SuperNode, or not admitted yet. */
  readonly node: number;
  /** 16 hex digits, drawn when the directory was created: a wiped disk is a new node (I2). */
  readonly diskId: string;
}

const FORMAT = 1;
/** Node numbers go over the wire in 32 bits. */
const NODE_MAX = 2 ** 32 - 1;
const FILE = "identity.json";
export const TEMPORARY_IDENTITY = "identity.json.new";

/**
 * The identity in a directory; undefined when there is none.
 * @throws QdfsError DATA_DIR_UNUSABLE: damaged, or of a newer format
 */
export function readIdentity(directory: string): Identity | undefined {
  const path = join(directory, FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  return parseIdentity(path, text);
}

/** Durable, and all or nothing. */
export function writeIdentity(directory: string, identity: Identity): void {
  const temporary = join(directory, TEMPORARY_IDENTITY);
  try {
    const file = openSync(temporary, "w", 0o644);
    try {
      writeSync(file, `${JSON.stringify({ format: FORMAT, ...identity }, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, join(directory, FILE));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectoryNow(directory);
}

function parseIdentity(path: string, text: string): Identity {
  const damaged = () => new QdfsError("DATA_DIR_UNUSABLE", `${path} is damaged`, { path });
  let fields: Record<string, unknown>;
  try {
    fields = Object(JSON.parse(text));
  } catch {
    throw damaged();
  }
  const { format, role, clusterId, node, diskId } = fields;
  if (typeof format === "number" && format > FORMAT) {
    const message = `${path} has format ${format}, made by a newer qdfs; this one knows formats up to ${FORMAT}`;
    throw new QdfsError("DATA_DIR_UNUSABLE", message, { path, format });
  }
  if (format !== FORMAT || (role !== "datanode" && role !== "supernode")) throw damaged();
  if (typeof clusterId !== "string" || typeof diskId !== "string" || !/^[0-9a-f]{16}$/.test(diskId)) throw damaged();
  if (typeof node !== "number" || !Number.isInteger(node) || node < 0 || node > NODE_MAX) throw damaged();
  if (role === "datanode" ? (clusterId === "") !== (node === 0) : node !== 0) throw damaged();
  return { role, clusterId, node, diskId };
}
