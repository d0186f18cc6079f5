/** The Prometheus exposition format, as /metrics serves it. */

/** One metric with its values, each under its labels: `""`, or as in `{node="dn-1"}`. */
export function gauge(
  name: string,
  help: string,
  values: readonly (readonly [labels: string, value: number])[],
  type: "gauge" | "counter" = "gauge",
): string {
  const lines = values.map(([labels, value]) => `${name}${labels} ${value}\n`).join("");
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`;
}
