import { assertEquals } from "@std/assert";
import {
  historyPath,
  isKept,
  keepLine,
  MAX_LINES,
  readHistory,
} from "../../lib/shell/history.ts";
import { openFds, TempDir } from "../sys/support.ts";

Deno.test("historyPath() is below XDG_STATE_HOME, or HOME, or nowhere", () => {
  const path = (env: Record<string, string>) =>
    historyPath((name) => env[name]);
  const end = "kvm-hotplug/shell_history";
  assertEquals(path({ HOME: "/root" }), `/root/.local/state/${end}`);
  assertEquals(path({ HOME: "/root", XDG_STATE_HOME: "/s" }), `/s/${end}`);
  assertEquals(
    path({ HOME: "/r", XDG_STATE_HOME: "s" }),
    `/r/.local/state/${end}`,
  );
  for (
    const env of [{}, { HOME: "" }, { HOME: "x" }, { XDG_STATE_HOME: "x" }]
  ) {
    assertEquals(path(env), undefined);
  }
});

Deno.test("isKept() takes no secret and no other line than was typed", () => {
  const kept = ["query-name", "disk add /srv/d1.img --name data", "list é"];
  const others = [
    ...["", " query-name", "a\nb", "a\u0007"],
    "blockdev-add driver=x password=geheim",
    "disk add rbd:pool/image:key=AQBx:id=u",
    "disk add iscsi://user:geheim@host/target/0",
    'human-monitor-command command-line="set_password vnc geheim"',
    'qmp object-add {"qom-type":"secret","data":"geheim"}',
    "human-monitor-command command-line='change vnc password geheim'",
  ];
  for (const line of kept) assertEquals(isKept(line), true, line);
  for (const line of others) assertEquals(isKept(line), false, line);
});

Deno.test("keepLine() appends to a file of ours with mode 0600", () => {
  using dir = new TempDir();
  const path = dir.at("a/b/history");
  const before = openFds();
  assertEquals(readHistory(path), []);
  for (const line of ["one", "password=x", "two"]) keepLine(path, line);
  assertEquals(readHistory(path), ["one", "two"]);
  const mode = () => (Deno.statSync(path).mode ?? 0) & 0o777;
  assertEquals(mode(), 0o600);
  assertEquals((Deno.statSync(dir.at("a/b")).mode ?? 0) & 0o777, 0o700);
  Deno.chmodSync(path, 0o644);
  keepLine(path, "three");
  assertEquals([mode(), readHistory(path)], [0o600, ["one", "two", "three"]]);
  assertEquals(openFds(), before);
});

Deno.test("readHistory() takes the last lines, and shortens a long file", () => {
  using dir = new TempDir();
  const line = (n: number) => `${n} ${"x".repeat(600)}`;
  const all = Array.from({ length: 2000 }, (_, n) => line(n));
  const path = dir.file("history", all.join("\n") + "\n");
  assertEquals(readHistory(path), all.slice(-MAX_LINES));
  assertEquals(
    Deno.readTextFileSync(path),
    all.slice(-MAX_LINES).join("\n") + "\n",
  );
  assertEquals([...Deno.readDirSync(dir.path)].length, 1);
  keepLine(path, "last");
  assertEquals(readHistory(path).at(-1), "last");
});

Deno.test("history leaves alone what is planted in its place", () => {
  using dir = new TempDir();
  const target = dir.file("target", "keep\n");
  Deno.symlinkSync(target, dir.at("link"));
  Deno.mkdirSync(dir.at("folder"));
  new Deno.Command("mkfifo", { args: [dir.at("fifo")] }).outputSync();
  const before = openFds();
  for (const name of ["link", "folder", "fifo", "target/below"]) {
    keepLine(dir.at(name), "line");
    assertEquals(readHistory(dir.at(name)), [], name);
  }
  const foreign = dir.file("foreign", "theirs\n");
  Deno.chownSync(foreign, 65534, 65534);
  keepLine(foreign, "line");
  assertEquals(readHistory(foreign), []);
  assertEquals(Deno.readTextFileSync(foreign), "theirs\n");
  assertEquals(Deno.readTextFileSync(target), "keep\n");
  assertEquals(openFds(), before);
});
