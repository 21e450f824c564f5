/**
 * Prometheus, promtool and node_exporter of Debian, unpacked and never
 * installed; and the programs that make and check packages.
 *
 * @module
 */
import { install, refreshing, unpack } from "./apt.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import { isInPath } from "./run.ts";
import type { Log } from "./types.ts";

/** The paths of the programs. */
export interface Monitoring {
  readonly prometheus: string;
  readonly promtool: string;
  readonly nodeExporter: string;
}

const PACKAGES = ["prometheus", "prometheus-node-exporter"];

/** Prometheus and node_exporter, downloaded once. */
export async function ensureMonitoring(log: Log): Promise<Monitoring> {
  const folder = `${await cacheFolder()}/monitoring`;
  await makeOnce(folder, async (to) => {
    log(`download ${PACKAGES.join(", ")}`);
    await refreshing(log, () => unpack(PACKAGES, to));
  });
  const bin = `${folder}/usr/bin`;
  return {
    prometheus: `${bin}/prometheus`,
    promtool: `${bin}/promtool`,
    nodeExporter: `${bin}/prometheus-node-exporter`,
  };
}

const PACKAGERS = {
  rpmbuild: "rpm",
  lintian: "lintian",
  "systemd-analyze": "systemd",
} as const;

/** The programs that make and check packages and units of systemd. */
export async function ensurePackagers(log: Log): Promise<void> {
  for (const [program, name] of Object.entries(PACKAGERS)) {
    if (!await isInPath(program)) await install([name], log);
  }
}
