/** Whose connection it is: the process that holds the other end of a local TCP connection, by what /proc says. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Columns of /proc/net/tcp. */
const LOCAL = 1;
const REMOTE = 2;
const INODE = 9;

/** Which of the processes holds the end at local port `port` of a connection to `peerPort`; undefined: none, or it is not known. */
export function holderOf(pids: readonly number[], port: number, peerPort: number): number | undefined {
  const inode = inodeOf(port, peerPort);
  return inode === undefined ? undefined : pids.find((pid) => holds(pid, `socket:[${inode}]`));
}

function inodeOf(port: number, peerPort: number): string | undefined {
  const [local, remote] = [portSuffix(port), portSuffix(peerPort)];
  for (const line of readOr("", () => readFileSync("/proc/net/tcp", "latin1")).split("\n")) {
    const columns = line.trim().split(/\s+/);
    if (columns[LOCAL]?.endsWith(local) && columns[REMOTE]?.endsWith(remote)) return columns[INODE];
  }
  return undefined;
}

function portSuffix(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

function holds(pid: number, link: string): boolean {
  const directory = `/proc/${pid}/fd`;
  const descriptors = readOr<readonly string[]>([], () => readdirSync(directory));
  return descriptors.some((descriptor) => readOr("", () => readlinkSync(`${directory}/${descriptor}`)) === link);
}

/** Processes and descriptors come and go while one looks. */
function readOr<Result>(otherwise: Result, read: () => Result): Result {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
