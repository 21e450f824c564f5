/**
 * A scripted QEMU in a process of its own, so that the taps and files it holds
 * are seen as those of a QEMU are:
 * `version1_peer.ts SOCKET -name INSTANCE`, commanded by lines of JSON.
 *
 * @module
 */

import type { Guest } from "./scripted_behaviour.ts";
import { ScriptedPeer } from "./scripted_peer.ts";
import { DiskModel, type QemuState } from "./version1_model.ts";

/** What it is told. */
export type Order =
  /** To have exactly this. */
  | { readonly order: "load"; readonly state: QemuState; readonly guest: Guest }
  /** To tell what it has. */
  | { readonly order: "state" }
  /** To refuse the next such command. */
  | { readonly order: "refuse"; readonly command: string }
  /** To tell which commands have changed something since it was asked. */
  | { readonly order: "changes" };

if (import.meta.main) {
  const model = new DiskModel();
  await using peer = new ScriptedPeer(Deno.args[0] ?? "", model);

  const obey = async (order: Order): Promise<unknown> => {
    // Whoever was killed has left it by now.
    await peer.idle();
    switch (order.order) {
      case "load":
        peer.guest = order.guest;
        model.load(order.state);
        return null;
      case "state":
        return model.state();
      case "refuse":
        model.refused = order.command;
        return null;
      case "changes": {
        const seen = peer.changes().filter((one) => !one.startsWith("x-"));
        peer.calls.length = 0;
        return seen;
      }
      default:
        return order satisfies never;
    }
  };

  console.log("null");
  let rest = "";
  for await (const bytes of Deno.stdin.readable) {
    rest += new TextDecoder().decode(bytes);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      console.log(JSON.stringify(await obey(JSON.parse(line))));
    }
  }
}
