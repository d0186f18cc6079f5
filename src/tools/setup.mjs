#!/usr/bin/env node
// Makes node_modules what package-lock.json says, and makes sure that Bun's binary runs. Plain Node >= 20 without dependencies:
// it runs before anything is installed. Says nothing when there is nothing to do.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const MODULES = join(ROOT, "node_modules");
const STAMP = join(MODULES, ".qdfs-setup");

const lockText = readFileSync(join(ROOT, "package-lock.json"), "utf8");
const lockHash = createHash("sha256").update(`${lockText}\n${process.platform} ${process.arch}`).digest("hex");

/** The package's version as installed; undefined when it is not. */
function installedVersion(folder) {
  try {
    return JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")).version;
  } catch {
    return undefined;
  }
}

/** True when every package that this platform needs is there in the locked version, whoever installed it. */
function isInstalled() {
  if (!existsSync(MODULES)) return false;
  const packages = Object.entries(JSON.parse(lockText).packages);
  return packages.every(
    ([folder, entry]) => folder === "" || entry.optional === true || installedVersion(folder) === entry.version,
  );
}

function bunRuns() {
  const run = spawnSync(join(MODULES, ".bin", "bun"), ["--version"], { encoding: "utf8" });
  return run.status === 0 && run.stdout.trim() === installedVersion("node_modules/bun");
}

function npm(...args) {
  // npm_execpath: the npm that runs this script, found even when it is not on PATH.
  const script = process.env.npm_execpath;
  const [command, first] = script?.endsWith(".js") ? [process.execPath, [script]] : ["npm", []];
  const run = spawnSync(command, [...first, ...args], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (run.error !== undefined) fail(`npm cannot be started: ${run.error.message}`);
  return run.status === 0;
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

function isStamped() {
  return existsSync(STAMP) && readFileSync(STAMP, "utf8") === lockHash;
}

const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 20) fail(`Node.js 20 or newer is needed, this is ${process.version}`);

if (!(isStamped() && bunRuns())) {
  if (!isInstalled()) {
    process.stderr.write("setup: installing dependencies (npm ci)\n");
    // Without install scripts: npm would compile better-sqlite3, whose package brings the binary that we use. Bun's comes below.
    if (!npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")) fail("npm ci failed; see above");
  }
  if (!bunRuns()) {
    // Bun's own install script, which npm was told not to run: puts the binary of this platform in place.
    spawnSync(process.execPath, [join(MODULES, "bun", "install.js")], { cwd: join(MODULES, "bun"), stdio: ["ignore", 2, 2] });
    if (!bunRuns()) fail("Bun's binary does not run here; `node_modules/.bin/bun --version` says why");
  }
  writeFileSync(STAMP, lockHash);
}
