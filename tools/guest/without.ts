/**
 * Parts of the set-up that a machine may be unable to have: tests that need
 * one are left out, and the run says so at its end.
 *
 * @module
 */
import type { Log } from "./types.ts";

/** By key: how messages name the part. */
const PARTS = {
  NEWER_QEMU: "a second, newer QEMU",
  GANETI: "Ganeti",
  DEBIAN11: "a Debian 11 root",
  AARCH64: "Deno for aarch64",
  LIBVIRT: "libvirt",
} as const;

/** A part that may be left out. */
export type Part = keyof typeof PARTS;

/** In the environment, so that the processes of the tests know it, too: they
 * have no network to try it again. */
function variable(part: Part): string {
  return `KVM_HOTPLUG_TEST_WITHOUT_${part}`;
}

/** The parts that this process, or the one that started it, could not get:
 * the part's name, and why, in one line. */
export function partsLeftOut(): [name: string, why: string][] {
  return (Object.keys(PARTS) as Part[]).flatMap((part) => {
    const why = whyLeftOut(part);
    return why === undefined ? [] : [[PARTS[part], why]];
  });
}

/** Why a part was left out, in one line; undefined: it was not. */
export function whyLeftOut(part: Part): string | undefined {
  return Deno.env.get(variable(part));
}

/** How {@link unlessLeftOut} treats a failure. */
export interface PartOptions {
  readonly log: Log;
  /** `required`: with `CI=true` the part is not left out. */
  readonly inCI: "required" | "optional";
}

/**
 * Gets a part. One that cannot be had is left out: undefined, now and in all
 * later calls.
 *
 * @throws {Error} what `get` throws, if CI requires the part
 */
export async function unlessLeftOut<T>(
  part: Part,
  get: () => Promise<T>,
  { log, inCI }: PartOptions,
): Promise<T | undefined> {
  if (whyLeftOut(part) !== undefined) return undefined;
  try {
    return await get();
  } catch (error) {
    if (inCI === "required" && Deno.env.get("CI") === "true") throw error;
    const text = error instanceof Error ? error.message : String(error);
    const why = text.replaceAll(/\s+/g, " ");
    Deno.env.set(variable(part), why);
    log(`WARNING: without ${PARTS[part]}: ${why}`);
    return undefined;
  }
}
