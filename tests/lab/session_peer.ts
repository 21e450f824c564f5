/**
 * A scripted QEMU for the tests of one session.
 *
 * @module
 */

import { QmpSession } from "../../lib/qmp/client.ts";
import { ScriptedPeer } from "./scripted_peer.ts";

type SessionOptions = Parameters<typeof QmpSession.open>[1];

/** A peer with a socket in a directory of its own. */
export class Peer extends ScriptedPeer {
  readonly directory: string;

  constructor() {
    const directory = Deno.makeTempDirSync({ prefix: "kvm-hotplug-qmp-" });
    super(`${directory}/sock`);
    this.directory = directory;
  }

  async open(options: Partial<SessionOptions> = {}): Promise<QmpSession> {
    const path = `${this.directory}/sock`;
    return await QmpSession.open(path, { timeoutMs: 5_000, ...options });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}
