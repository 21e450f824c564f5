/**
 * What the tests of lib/sys share.
 *
 * @module
 */

import { assertEquals, equal } from "@std/assert";
import { pause } from "../../lib/sys/pause.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { UnixSocket } from "../../lib/sys/unix_socket.ts";

/** Long enough for a loaded machine; a test that needs it has failed. */
export const PATIENCE = { timeoutMs: 10_000 } as const;

/** A directory of its own for one test, removed with all that is in it. */
export class TempDir implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "kvm-hotplug-sys-" });

  /** The path of a file in it. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Makes a file in it and returns its path. */
  file(name: string, content: string): string {
    Deno.writeTextFileSync(this.at(name), content);
    return this.at(name);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** What Deno opens and closes in its own time, and lib/sys never opens. */
const DENOS_OWN = /^pipe:|\/deno\//;

// The first wait makes a descriptor that stays: poll.ts.
await pause(0);

/** The descriptors this process has open now: number and target. */
export function openFds(): string[] {
  const fds: string[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      if (!DENOS_OWN.test(target)) fds.push(`${name} ${target}`);
    } catch {
      // The directory's own descriptor, closed by now.
    }
  }
  return fds.sort();
}

/** Fails unless the same descriptors are open: closing goes on in threads. */
export async function expectFds(expected: readonly string[]): Promise<void> {
  const endMs = performance.now() + PATIENCE.timeoutMs;
  while (!equal(openFds(), expected) && performance.now() < endMs) {
    await pause(1);
  }
  assertEquals(openFds(), expected);
}

/** A listener and both ends of one connection to it. */
export interface Connection extends Disposable {
  readonly client: UnixSocket;
  readonly server: UnixSocket;
}

/** Connects two sockets through a listener in `dir`. */
export async function connection(dir: TempDir): Promise<Connection> {
  const path = dir.at(`${crypto.randomUUID()}.sock`);
  using listener = UnixListener.bind(path);
  const client = await UnixSocket.connect(path, PATIENCE);
  const server = await listener.accept(PATIENCE);
  return {
    client,
    server,
    [Symbol.dispose]() {
      client.close();
      server.close();
    },
  };
}

/** Runs a program to its end and returns what it said; fails if it fails. */
export function run(command: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(command, { args })
    .outputSync();
  if (success) return text(stdout).trim();
  throw new Error(`${command} ${args.join(" ")}: ${text(stderr)}`);
}

/** The text of bytes. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The bytes of a text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
