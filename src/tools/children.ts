/** Child processes that never outlive this one: whoever starts one registers it here. */
const alive = new Set<Bun.Subprocess>();

process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Ends the child with this process, should it still run then. */
export function endWithThisProcess(child: Bun.Subprocess): void {
  alive.add(child);
  void child.exited.then(() => alive.delete(child));
}
