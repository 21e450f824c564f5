import { assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../lib/sys/errno.ts";
import { openFile } from "../../lib/sys/file.ts";
import { ioctl } from "../../lib/sys/ioctl.ts";
import { O } from "../../lib/sys/layout.ts";
import { unless, withoutDevice } from "../support/left_out.ts";
import { bytes, connection, PATIENCE, TempDir } from "./support.ts";

/** asm-generic/ioctls.h */
const FIONREAD = 0x541b;
/** linux/if_tun.h */
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;

Deno.test("ioctl() lets the kernel fill the struct", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  await pair.client.sendAll(bytes("12345"), PATIENCE);
  const count = new Uint8Array(4);
  ioctl(pair.server.fd, FIONREAD, count, "FIONREAD");
  assertEquals(new DataView(count.buffer).getInt32(0, true), 5);
});

Deno.test("ioctl() names the request it was refused", () => {
  using fd = openFile("/dev/null", O.RDONLY);
  const error = assertThrows(
    () => ioctl(fd, FIONREAD, new Uint8Array(4), "FIONREAD"),
    SysError,
  ) as SysError;
  assertEquals(error.code, "ENOTTY");
  assertEquals(error.syscall, "ioctl FIONREAD");
});

Deno.test({
  ...unless(
    withoutDevice("/dev/net/tun"),
    "ioctl() passes a number as a number",
  ),
  fn() {
    using fd = openFile("/dev/net/tun", O.RDWR);
    const ifreq = new Uint8Array(40);
    // IFF_TAP | IFF_NO_PI; the kernel chooses the name.
    new DataView(ifreq.buffer).setUint16(16, 0x1002, true);
    ioctl(fd, TUNSETIFF, ifreq, "TUNSETIFF");
    // TUN_F_CSUM; 0x8000 is no offload there is.
    assertEquals(ioctl(fd, TUNSETOFFLOAD, 1, "TUNSETOFFLOAD"), 0);
    const error = assertThrows(
      () => ioctl(fd, TUNSETOFFLOAD, 0x8000, "TUNSETOFFLOAD"),
      SysError,
    ) as SysError;
    assertEquals(error.code, "EINVAL");
  },
});
