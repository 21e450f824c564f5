import { assertEquals } from "@std/assert";
import { isFollower } from "../../lib/commands/follower.ts";

function of(line: string): boolean {
  return isFollower(line.split(" "));
}

Deno.test("isFollower() knows events and shell by their command", () => {
  for (
    const line of [
      "kvm-hotplug events vm1",
      "/usr/local/sbin/kvm-hotplug shell vm1",
      "/usr/local/sbin/kvm-hotplug-0.1.0 --json events vm1 --until STOP",
      `kvm-hotplug --run-dir /${"long/".repeat(50)} --log rpc -v events vm1`,
      "kvm-hotplug --timeout=3 events --for 60 -- vm1",
    ]
  ) assertEquals(of(line), true, line);
});

Deno.test("isFollower() is not misled by names", () => {
  for (
    const line of [
      "kvm-hotplug --log /var/log/events.log rpc",
      "kvm-hotplug list shell.example.com",
      "kvm-hotplug --log events rpc",
      "kvm-hotplug qmp vm1 events",
      "kvm-hotplug disk add events /srv/shell",
      "kvm-hotplug nic remove shell 0",
      "kvm-hotplug completion bash",
      "kvm-hotplug --unknown events vm1",
      "kvm-hotplug events",
      "kvm-hotplugger events vm1",
      "python3 kvm-hotplug events vm1",
      "kvm-hotplug",
      "",
    ]
  ) assertEquals(of(line), false, line);
  assertEquals(isFollower([]), false);
});
