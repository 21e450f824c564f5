/**
 * The instants of a dialogue between tool and QEMU at which one is killed.
 *
 * @module
 */

import type { KillBench } from "./kill_bench.ts";
import type { ProxyMessage } from "../lab/proxy.ts";

/** Before or after one message; the same in each run of an operation. */
export interface KillPoint {
  readonly when: "before" | "after";
  /** e.g. `device_add`, `reply to device_add`, `DEVICE_DELETED 2`. */
  readonly message: string;
}

/** Whether all points are tried, or those at which something changes. */
export const FULL = Deno.env.get("KVM_HOTPLUG_FULL") === "1";

/** Gives a message of one run of the tool the same name in each run. */
export class Names {
  readonly #commands = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** Undefined for what comes at any time, as other devices' events do. */
  of({ message, connection, direction }: ProxyMessage): string | undefined {
    const key = `${connection} ${message.id}`;
    if (direction === "to-qemu") {
      const name = this.#count(message.execute);
      this.#commands.set(key, name);
      return name;
    }
    if (message.QMP) return this.#count("greeting");
    if (message.event === "DEVICE_DELETED") return this.#count(message.event);
    const command = this.#commands.get(key);
    return command && `reply to ${command}`;
  }

  #count(name: string): string {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count === 1 ? name : `${name} ${count}`;
  }
}

/** The names of all messages while `act` runs, in order. */
export async function recordMessages(
  { proxy }: Pick<KillBench, "proxy">,
  act: () => Promise<void>,
): Promise<string[]> {
  const seen: string[] = [];
  const names = new Names();
  proxy.hook = (message) => {
    const name = names.of(message);
    if (name !== undefined) seen.push(name);
    return "pass";
  };
  await act();
  proxy.hook = () => "pass";
  return seen;
}

const QUESTION = /^(?:reply to )?(?:query|qom|human|qmp_)|^greeting$/;

/**
 * The points of a recorded dialogue. Unless all are wanted: every one at which
 * something changes, and the questions next to them. Without the questions
 * whether the guest has let go: how many there are depends on its haste.
 */
export function pointsOf(dialogue: readonly string[]): KillPoint[] {
  const asked = dialogue.indexOf("device_del");
  const messages = dialogue.filter((name, index) =>
    asked < 0 || index < asked || !name.includes("qom-list")
  );
  const counts = messages.filter((name, index) =>
    FULL || !QUESTION.test(name) ||
    [index - 1, index + 1].some((near) => !QUESTION.test(messages[near] ?? ""))
  );
  return counts.flatMap((message) => [
    { when: "before" as const, message },
    { when: "after" as const, message },
  ]);
}

/** What {@link actAt} does, and for how long. */
export interface Act {
  readonly act: () => Promise<void>;
  /** When it settles, the point was reached or never will be. */
  readonly during: Promise<unknown>;
  /** The message before which it is called. @default "drop" */
  readonly message?: "drop" | "pass";
}

/**
 * Calls `act` once at a point of whatever goes through the proxy.
 *
 * @returns whether the point was reached
 */
export async function actAt(
  { proxy }: Pick<KillBench, "proxy">,
  point: KillPoint,
  { act, during, message: verdict = "drop" }: Act,
): Promise<boolean> {
  let reached = false;
  const names = new Names();
  const here = new Set<ProxyMessage>();
  proxy.hook = async (message) => {
    if (reached || names.of(message) !== point.message) return "pass";
    if (point.when === "after") {
      here.add(message);
      return "pass";
    }
    reached = true;
    await act();
    return verdict;
  };
  proxy.sent = async (message) => {
    if (!here.delete(message)) return;
    reached = true;
    await act();
  };
  try {
    await during;
    return reached;
  } finally {
    proxy.hook = () => "pass";
    proxy.sent = () => {};
  }
}
