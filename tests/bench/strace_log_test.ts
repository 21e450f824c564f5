import { assertEquals } from "@std/assert";
import { pairCell } from "./cost_table.ts";
import { costIn, requestCostsIn } from "./strace_log.ts";

const PROGRAM = "/usr/bin/kvm-hotplug";

/** As strace writes it, but for lines that show nothing new. */
const LOG = String
  .raw`100 execve("/usr/bin/kvm-hotplug", ["kvm-hotplug"], 0x7ffc /* 9 vars */) = 0
100 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, -1, 0) = 0x7f46e3a21000
100 openat(AT_FDCWD</root>, "/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3</usr/lib/libc.so.6>
100 read(3</usr/lib/libc.so.6>, "\177ELF", 832) = 832
100 read(4</usr/bin/kvm-hotplug>, "say(\"execute\")", 65536) = 15
100 read(5</dev/urandom<char 1:9>>, "\1\2", 2) = 2
100 read(6</proc/100/maps>, "7f46", 4096) = 4
100 openat(AT_FDCWD</root>, "/run/vm1.runtime", O_RDONLY <unfinished ...>
101 futex(0x7f46, FUTEX_WAKE_PRIVATE, 1) = 1
100 <... openat resumed>)             = 7</run/vm1.runtime>
101 pread64(7</run/vm1.runtime>, "[[\"kvm\"], \"a) = 9\"]", 65536, 0) = 300
100 read(8</proc/2345/cmdline>, "qemu\0", 512) = 40
100 openat(AT_FDCWD</root>, "/run/vm1.journal", O_RDONLY) = -1 ENOENT (No such file or directory)
100 socketpair(AF_UNIX, SOCK_STREAM, 0, [9<UNIX-STREAM:[50->51]>, 10<UNIX-STREAM:[51->50]>]) = 0
100 recvfrom(9<UNIX-STREAM:[50->51]>, "\1", 1, 0, NULL, NULL) = 1
100 connect(11<UNIX-STREAM:[60]>, {sa_family=AF_UNIX, sun_path="/run/vm1.qmp"}, 16) = 0
100 recvfrom(11<UNIX-STREAM:[60->61]>, "{\"QMP\": {}}\r\n", 65536, MSG_DONTWAIT, NULL, NULL) = 100
100 sendto(11<UNIX-STREAM:[60->61]>, "{\"execute\":\"qmp_capabilities\"}\r\n", 30, MSG_DONTWAIT, NULL, 0) = 30
100 recvfrom(11<UNIX-STREAM:[60->61]>, 0x55ec, 65536, MSG_DONTWAIT, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
100 poll([{fd=11<UNIX-STREAM:[60->61]>, events=POLLIN}], 1, 5 <unfinished ...>
100 <... poll resumed>) = 1 ([{fd=11, revents=POLLIN}])
100 recvfrom(11<UNIX-STREAM:[60->61]>, "{\"return\": {}}\r\n", 65536, MSG_DONTWAIT, NULL, NULL) = 10
100 sendto(11<UNIX-STREAM:[60->61]>, "{\"execute\":\"query-name\"}\r\n{\"execute\":\"query-pci\"}\r\n", 60, MSG_DONTWAIT, NULL, 0) = 60
100 sendmsg(11<UNIX-STREAM:[60->61]>, {msg_iov=[{iov_base="{\"execute\":\"getfd\"}\r\n", iov_len=20}], msg_control=[{cmsg_data=[12<pipe:[7]>]}]}, 0) = 20
100 recvfrom(11<UNIX-STREAM:[60->61]>, "{\"return\"", 65536, MSG_DONTWAIT, NULL, NULL) = 1000
100 recvfrom(11<UNIX-STREAM:[60->61]>, ": {}}\r\n", 65536, MSG_DONTWAIT, NULL, NULL) = 500
100 write(13<anon_inode:[eventfd]>, "\1\0\0\0\0\0\0\0", 8) = 8
100 write(14</run/vm1.journal>, "{\"execute\":\"device_add\"}\n", 24) = 24
100 fsync(14</run/vm1.journal>)       = 0
100 exit_group(0)                     = ?
`;

Deno.test("costIn() counts what reaches out, and how often QEMU is asked", () => {
  assertEquals(costIn(LOG, PROGRAM), {
    all: 28,
    // execve; open and read: 2, 1, 1 (maps), 2, 1 and 1; connect, 3 sent,
    // write, fsync.
    outward: 15,
    messages: 4,
    roundTrips: 2,
    commandBytes: 110,
    qmpBytes: 1610,
    fileBytes: 340,
    syncs: 1,
    byName: {
      ...{ execve: 1, openat: 3, read: 4, pread64: 1, connect: 1 },
      ...{ sendto: 2, sendmsg: 1, write: 1, fsync: 1 },
    },
  });
});

Deno.test("costIn() follows each socket by itself", () => {
  const line = (fd: string, text: string, result: number) =>
    `1 ${text}(${fd}<UNIX-STREAM:[${fd}0->9]>, "{\\"execute\\":1}", 9) = ${result}`;
  const log = [
    line("5", "connect", 0),
    line("6", "connect", 0),
    line("5", "sendto", 3),
    line("6", "sendto", 3),
    line("5", "recvfrom", 4),
    line("6", "recvfrom", 4),
  ].join("\n");
  const { messages, roundTrips, qmpBytes } = costIn(log, PROGRAM);
  assertEquals([messages, roundTrips, qmpBytes], [2, 2, 8]);
});

Deno.test("requestCostsIn() counts from one request to the next", () => {
  const log = String.raw`7 openat(AT_FDCWD</>, "/lib/libc.so.6", O_RDONLY) = 3
8 read(9<pipe:[5]>, "{\"jsonrpc\":\"2.0\"}", 65536) = 17
7 openat(AT_FDCWD</>, "/run/a", O_RDONLY) = 3
7 read(3</proc/7/maps>, "7f46", 4096) = 4
8 read(0<pipe:[5]>,  <unfinished ...>
7 write(1<pipe:[6]>, "{\"jsonrpc\":\"2.0\"}", 17) = 17
8 <... read resumed>"{\"jsonrpc\":\"2.0\"}", 65536) = 17
7 fdatasync(4</run/vm1.journal>) = 0
`;
  const costs = requestCostsIn(log, PROGRAM);
  assertEquals(costs.map(({ byName }) => byName), [
    { openat: 1, read: 1 },
    { fdatasync: 1 },
  ]);
  assertEquals(costs.map(({ fileBytes }) => fileBytes), [0, 0]);
});

Deno.test("pairCell() shows one number where nothing changed", () => {
  const pairs = (...tool: number[]) =>
    tool.map((one) => ({ other: 7, tool: one }));
  assertEquals(pairCell(pairs(7, 7, 7)), "7");
  assertEquals(pairCell(pairs(9, 9, 9)), "7 → 9 (+2)");
  assertEquals(pairCell(pairs(6, 9, 8)), "7 → 8 (+1; -1 to +2)");
});
