/**
 * Moves `qdfs chaos` into namespaces of its own, of the network and of mounts, where the machine allows that (as root, or with user
 * namespaces): nothing of a run is seen outside, and everything of it is gone with the last process, however that ends.
 */
import { programArguments } from "../long-lived.ts";

/** Set for the process that has been moved. */
const MOVED_ENV = "QDFS_CHAOS_MOVED";
/** Where administrators' programs are, which is not on every user's path. */
const ADMIN_PATH = "/usr/sbin:/sbin";

/** What `unshare` is told; users become root in namespaces of their own. */
export const OWN_NAMESPACES: readonly string[] = ["--net", "--mount", ...(process.getuid?.() === 0 ? [] : ["--map-root-user"])];

/** Whether this process is in namespaces of its own already. */
export function isMoved(): boolean {
  return process.env[MOVED_ENV] === "1";
}

/** Replaces this process by itself in new namespaces; returns, with the reason, only where that cannot be done. */
export function moveToOwnNamespaces(): string {
  const env = withAdminPath(process.env);
  const path = (program: string) => Bun.which(program, { PATH: env.PATH ?? "" });
  const [unshare, ip] = [path("unshare"), path("ip")];
  if (unshare === null || ip === null || path("nsenter") === null || process.execve === undefined)
    return "Linux with `unshare`, `nsenter` (util-linux) and `ip` (iproute2) is needed";
  // Everything that the run will want of the machine.
  const rehearsal = `${ip} link add name br type bridge && ${ip} link add name va type veth peer name vb && ${unshare} --net true`;
  const { exitCode, stderr } = Bun.spawnSync([unshare, ...OWN_NAMESPACES, "--", "sh", "-c", rehearsal], { env });
  if (exitCode !== 0) return stderr.toString().trim() || `unshare ended with ${exitCode}`;
  const self = [process.execPath, ...programArguments(), ...process.argv.slice(2)];
  process.execve(unshare, [unshare, ...OWN_NAMESPACES, "--", ...self], { ...env, [MOVED_ENV]: "1" });
  return "this process could not be replaced";
}

export function withAdminPath(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env.PATH ?? ""}:${ADMIN_PATH}` };
}
