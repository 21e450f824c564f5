/**
 * Being another user than root for a while: real and effective uid of all
 * threads, so that the kernel and `Deno.uid()` say the same.
 *
 * @module
 */

/** A user who owns nothing. */
const NOBODY = 65534;

/**
 * Carries something out as a user who owns nothing. Modules that are imported
 * meanwhile must have been loaded before.
 */
export async function asNobody<T>(act: () => Promise<T>): Promise<T> {
  const libc = Deno.dlopen("libc.so.6", {
    setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
    prctl: { parameters: ["i32", "u64"], result: "i32" },
  });
  const { setresuid, prctl } = libc.symbols;
  // The saved uid is the way back: setresuid(2).
  if (setresuid(NOBODY, NOBODY, 0) !== 0) throw new Error("setresuid");
  // Else its own /proc/self would be hidden from it: PR_SET_DUMPABLE.
  prctl(4, 1n);
  try {
    return await act();
  } finally {
    if (setresuid(0, 0, 0) !== 0) Deno.exit(70);
    libc.close();
  }
}
