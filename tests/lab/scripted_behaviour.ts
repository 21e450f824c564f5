/**
 * What a scripted QEMU may do beside what it is told, and what it says of its
 * own accord.
 *
 * @module
 */

import type { Json } from "./scripted_model.ts";

/** A command as it arrived. */
export interface Call {
  readonly command: string;
  readonly args: Json;
  readonly id: unknown;
  /** How many fds came in the message that the command came in. */
  readonly fds: number;
}

/** What is different from a QEMU that simply does as it is told. */
export interface Behaviour {
  /** Refuses; the command is not carried out. */
  readonly refuse?: { readonly class: string; readonly desc: string };
  /** The reply's value, in place of the model's. */
  readonly value?: unknown;
  /** @default "yes" */
  readonly carryOut?: "yes" | "no";
  /** `late`: right before the reply to the next command. @default "sent" */
  readonly reply?: "sent" | "never" | "late";
  /** Sent in place of the reply, as it is. */
  readonly raw?: string | Uint8Array;
  /** The connection ends; `die`: nobody listens any more. */
  readonly close?: "before-reply" | "after-reply" | "die";
  /** Events in the same write as the reply, in front of it and behind. */
  readonly before?: readonly Json[];
  readonly after?: readonly Json[];
  /** Sent after all that, batch by batch, until the client says something. */
  readonly flood?: Iterable<readonly Json[]>;
  /** Where the guest's own events to a device_del go. @default "after" */
  readonly guest?: "before" | "after";
  /** What the test does once the command is there, before all else. */
  readonly meanwhile?: (call: Call) => void;
}

export type Rule = Behaviour | ((call: Call) => Behaviour | undefined);

/** What the guest does when it is to release a device. */
export type Guest = "releases" | "is silent" | "refuses";

/** An event, as QEMU sends it. */
export function event(name: string, data: Json = {}): Json {
  const timestamp = { seconds: 1_700_000_000, microseconds: 5 };
  return { timestamp, event: name, data };
}

/** The two events of a virtio device, the inner part first. */
export function deviceDeleted(id: string): Json[] {
  const path = `/machine/peripheral/${id}`;
  return [
    event("DEVICE_DELETED", { path: `${path}/virtio-backend` }),
    event("DEVICE_DELETED", { device: id, path }),
  ];
}

export const GREETING: Json = {
  QMP: {
    version: { qemu: { micro: 22, minor: 2, major: 7 }, package: "Debian" },
    capabilities: ["oob"],
  },
};
