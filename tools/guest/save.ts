/**
 * Writes a machine's state to a file.
 *
 * @module
 */
import { until } from "./deadline.ts";
import type { TestQmp } from "./qmp.ts";

/**
 * Migrates the machine into a file; it stays behind, paused (`postmigrate`).
 *
 * @param file absolute, without a single quote: it goes through a shell
 */
export async function saveState(qmp: TestQmp, file: string): Promise<void> {
  const capability = { capability: "events", state: true };
  await qmp.execute("migrate-set-capabilities", {
    capabilities: [capability],
  });
  // The default limit of 128 MiB/s is for networks.
  await qmp.execute("migrate-set-parameters", {
    "max-bandwidth": 4 * 2 ** 30,
  });
  const since = qmp.events.length;
  await qmp.execute("migrate", { uri: `exec:cat > '${file}'` });
  await until(async () => {
    const { status } = await qmp.execute<{ status: string }>(
      "query-migrate",
    );
    if (status === "failed") throw new Error(`Cannot save to ${file}`);
    if (status === "completed") return true;
    await qmp.waitEvent("MIGRATION", { since });
    return undefined;
  }, { what: "end of the migration" });
}
