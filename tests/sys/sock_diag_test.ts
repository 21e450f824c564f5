import { assert, assertEquals } from "@std/assert";
import {
  shownCommand,
  unixSocketHolders,
  unixSocketsHolders,
} from "../../lib/sys/sock_diag.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { UnixSocket } from "../../lib/sys/unix_socket.ts";
import { PATIENCE, TempDir } from "./support.ts";

/** A second process, connected to all of `paths`. */
class Client implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(paths: readonly string[]) {
    const script = new URL("../lab/connect_and_wait.ts", import.meta.url);
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", script.pathname, ...paths],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#output = this.#child.stdout.getReader();
  }

  static async start(...paths: string[]): Promise<Client> {
    const client = new Client(paths);
    const { done } = await client.#output.read();
    assert(!done, "the second process did not connect");
    return client;
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    await this.#child.status;
    await this.#output.cancel();
  }
}

const NOBODY = { clients: [], own: undefined, isServing: false };

Deno.test("unixSocketHolders() names who is served and who waits", async () => {
  using dir = new TempDir();
  const path = dir.at("monitor.qmp");
  using listener = UnixListener.bind(path);
  await using served = await Client.start(path);
  using _connection = await listener.accept(PATIENCE);
  await using waiting = await Client.start(path);

  const { clients } = unixSocketHolders(path);
  assertEquals(
    clients.map(({ pid, state }) => ({ pid, state })),
    [
      { pid: served.pid, state: "accepted" },
      { pid: waiting.pid, state: "waiting" },
    ],
  );
  const expected = `${Deno.execPath()} run --allow-all`.slice(0, 120);
  for (const { command, argv } of clients) {
    assertEquals([argv[1], argv.at(-1)], ["run", path]);
    assertEquals(command.slice(0, expected.length), expected);
    assert(command.length <= 120);
  }
});

Deno.test("unixSocketHolders() tells this process from the others", async () => {
  using dir = new TempDir();
  const path = dir.at("sock");
  using listener = UnixListener.bind(path);
  using _client = await UnixSocket.connect(path, PATIENCE);
  const waiting = { clients: [], own: "waiting", isServing: false };
  assertEquals(unixSocketHolders(path), waiting);
  using _connection = await listener.accept(PATIENCE);
  const accepted = { clients: [], own: "accepted", isServing: true };
  assertEquals(unixSocketHolders(path), accepted);
});

Deno.test("unixSocketHolders() names nobody of another socket", async () => {
  using dir = new TempDir();
  using _listener = UnixListener.bind(dir.at("one"));
  using _other = UnixListener.bind(dir.at("two"));
  await using _client = await Client.start(dir.at("one"));
  assertEquals(unixSocketHolders(dir.at("two")), NOBODY);
});

Deno.test("unixSocketsHolders() tells the sockets of one process apart", async () => {
  using dir = new TempDir();
  const [one, two, three] = [dir.at("one"), dir.at("two"), dir.at("three")];
  using listener = UnixListener.bind(one);
  using _other = UnixListener.bind(two);
  using _third = UnixListener.bind(three);
  await using client = await Client.start(one, two);
  using _connection = await listener.accept(PATIENCE);
  const found = unixSocketsHolders([one, two, three, dir.at("none")], 5_000);
  const seen = [...found].map(([path, { clients, isServing }]) => [
    path,
    isServing,
    clients.map(({ pid, state }) => `${pid} ${state}`),
  ]);
  assertEquals(seen, [
    [one, true, [`${client.pid} accepted`]],
    [two, false, [`${client.pid} waiting`]],
    [three, false, []],
    [dir.at("none"), false, []],
  ]);
});

Deno.test("unixSocketHolders() finds a listener by any of its names", async () => {
  using dir = new TempDir();
  Deno.mkdirSync(dir.at("real"));
  Deno.symlinkSync("real", dir.at("link"));
  using _listener = UnixListener.bind(dir.at("real/sock"));
  await using client = await Client.start(dir.at("real/sock"));
  const { clients } = unixSocketHolders(dir.at("link/sock"));
  assertEquals(clients.map(({ pid }) => pid), [client.pid]);
});

Deno.test("unixSocketHolders() is empty where there is no socket", () => {
  using dir = new TempDir();
  const path = dir.file("file", "");
  assertEquals(unixSocketHolders(path), NOBODY);
  assertEquals(unixSocketHolders(dir.at("nothing")), NOBODY);
});

Deno.test("shownCommand() tells no secret and is short", () => {
  const shown = (...words: string[]) => shownCommand(words.join("\0") + "\0");
  assertEquals(
    shown("kvm-hotplug", "qmp", "vm1", "set_password", "password=geheim"),
    "kvm-hotplug qmp vm1 set_password password=***",
  );
  assertEquals(
    shown("x", '{"protocol":"vnc","password": "geheim","connected":"keep"}'),
    'x {"protocol":"vnc","password": "***","connected":"keep"}',
  );
  assertEquals(
    shown("qemu", "-object", "secret,id=s0,data=geheim,format=raw"),
    "qemu -object secret,id=s0,data=***,format=raw",
  );
  assertEquals(shown("x".repeat(500)).length, 120);
});
