/**
 * The start stub for aarch64, position independent, without relocations.
 *
 * Entered by ld.so by a branch, with sp at argc and x0 = rtld_fini (as glibc's
 * sysdeps/aarch64/start.S expects it); all other registers are free. See
 * stub.ts for what it does and for the 96 bytes before it, which it reads at
 * [x19] to [x19,95]. System call numbers: asm-generic/unistd.h.
 *
 * @module
 */

/** Columns: bytes (little endian), the instruction, why. */
export const STUB_AARCH64 = `
df 24 03 d5 | bti jc                   | landing pad; a no-op where BTI is off
f3 fc ff 10 | adr x19,hdr              | x19 = segment
f4 03 00 aa | mov x20,x0               | rtld_fini: the old entry wants it in x0
ff 07 40 d1 | sub sp,sp,4096           | PATH_MAX bytes below the frame
45 01 00 94 | bl relocate              | stub_relocate.ts
d4 00 00 94 | bl needs                 | stub_needs.ts
e0 03 00 91 | mov x0,sp
01 00 82 d2 | mov x1,4096
28 02 80 d2 | mov x8,17                | __NR_getcwd
01 00 00 d4 | svc 0
1f 00 00 f1 | cmp x0,0                 | a length, or -ENOENT: it was deleted
8d 00 00 54 | b.le refuge
e1 03 40 39 | ldrb w1,[sp]
3f bc 00 71 | cmp w1,'/'               | not of our root: "(unreachable)/..."
a0 00 00 54 | b.eq measure
refuge:
60 26 40 b9 | ldr w0,[x19,36]          | a path in the segment
60 02 00 8b | add x0,x19,x0
28 06 80 d2 | mov x8,49                | __NR_chdir; failed: Deno will say so
01 00 00 d4 | svc 0
measure:
e2 03 00 91 | mov x2,sp                | room for what it writes
21 80 8a d2 | mov x1,0x5401            | TCGETS
40 00 80 d2 | mov x0,2
a8 03 80 d2 | mov x8,29                | __NR_ioctl
01 00 00 d4 | svc 0
c0 02 00 b5 | cbnz x0,heard            | -ENOTTY: stderr is no terminal
02 01 a0 d2 | mov x2,0x80000           | O_CLOEXEC
81 70 80 d2 | mov x1,900
40 00 80 d2 | mov x0,2
08 03 80 d2 | mov x8,24                | __NR_dup3
01 00 00 d4 | svc 0
00 02 f8 b7 | tbnz x0,63,heard         | -EBADF: fewer fds than that allowed
60 0c 80 92 | mov x0,-100              | AT_FDCWD
61 2a 40 b9 | ldr w1,[x19,40]          | a path in the segment
61 02 01 8b | add x1,x19,x1
22 00 80 d2 | mov x2,1                 | O_WRONLY
08 07 80 d2 | mov x8,56                | __NR_openat
01 00 00 d4 | svc 0
20 01 f8 b7 | tbnz x0,63,heard
e9 03 00 aa | mov x9,x0
41 00 80 d2 | mov x1,2
02 00 80 d2 | mov x2,0
08 03 80 d2 | mov x8,24                | __NR_dup3
01 00 00 d4 | svc 0
e0 03 09 aa | mov x0,x9
28 07 80 d2 | mov x8,57                | __NR_close
01 00 00 d4 | svc 0
heard:
4d 00 00 94 | bl cache                 | code_cache/stub.ts
ff 07 40 91 | add sp,sp,4096
f5 03 00 91 | mov x21,sp               | x21 = the kernel's frame
a9 02 40 f9 | ldr x9,[x21]             | x9 = argc
b6 0e 09 8b | add x22,x21,x9,lsl 3
d6 42 00 91 | add x22,x22,16           | x22 = envp, past argc, argv, NULL
ea 03 16 aa | mov x10,x22
find_auxv:
4b 85 40 f8 | ldr x11,[x10],8
eb ff ff b5 | cbnz x11,find_auxv
find_end:
4b 05 41 f8 | ldr x11,[x10],16         | an entry is two words
eb ff ff b5 | cbnz x11,find_end        | AT_NULL
4a 01 15 cb | sub x10,x10,x21          | bytes of the old frame, and
6c 36 42 29 | ldp w12,w13,[x19,16]     | a word per inserted argument
8b 01 0d 0b | add w11,w12,w13          | and per inserted variable
4a 0d 0b 8b | add x10,x10,x11,lsl 3
ab 02 0a cb | sub x11,x21,x10
7f ed 7c 92 | and sp,x11,-16           | the alignment the ABI asks for
ea 03 00 91 | mov x10,sp               | x10 writes the new frame
ae 22 00 91 | add x14,x21,8            | x14 = argv
8c 00 00 34 | cbz w12,frame            | nothing to insert: argv[0] stays
69 00 00 b4 | cbz x9,frame             | argc 0, which Linux < 5.18 allows
29 05 00 d1 | sub x9,x9,1              | our argv[0] takes the place of the
ce 21 00 91 | add x14,x14,8            | caller's
frame:
2b 01 0c 8b | add x11,x9,x12
4b 85 00 f8 | str x11,[x10],8          | argc
6f 1a 40 b9 | ldr w15,[x19,24]
2b 00 00 94 | bl table                 | our arguments
argument:
a9 00 00 b4 | cbz x9,arguments_end
cb 85 40 f8 | ldr x11,[x14],8          | the caller's arguments
4b 85 00 f8 | str x11,[x10],8
29 05 00 d1 | sub x9,x9,1
fc ff ff 17 | b argument
arguments_end:
5f 85 00 f8 | str xzr,[x10],8          | NULL
f7 03 0a aa | mov x23,x10              | x23 = the new envp
ec 03 0d 2a | mov w12,w13
6f 1e 40 b9 | ldr w15,[x19,28]
21 00 00 94 | bl table                 | our variables: getenv takes the first
variable:
cb 86 40 f8 | ldr x11,[x22],8          | x11 = "NAME=value" of the caller
8b 02 00 b4 | cbz x11,variables_end
6f 22 40 b9 | ldr w15,[x19,32]
6f 02 0f 8b | add x15,x19,x15          | x15 = rules
rule:
f0 15 40 38 | ldrb w16,[x15],1         | length of its prefix
f1 15 40 38 | ldrb w17,[x15],1         | 0: hide; else the new first byte
70 01 00 34 | cbz w16,keep             | no rule fits
0c 00 80 d2 | mov x12,0
compare:
6d 69 6c 38 | ldrb w13,[x11,x12]       | the NUL at its end differs: no overrun
ee 69 6c 38 | ldrb w14,[x15,x12]
bf 01 0e 6b | cmp w13,w14
01 01 00 54 | b.ne differs
8c 05 00 91 | add x12,x12,1
9f 01 10 eb | cmp x12,x16
43 ff ff 54 | b.lo compare
31 fe ff 34 | cbz w17,variable         | hidden: not copied
71 01 00 39 | strb w17,[x11]           | renamed: the string is on the stack
keep:
4b 85 00 f8 | str x11,[x10],8
ee ff ff 17 | b variable
differs:
ef 01 10 8b | add x15,x15,x16
f0 ff ff 17 | b rule
variables_end:
5f 85 00 f8 | str xzr,[x10],8          | NULL
copy_auxv:
cb 32 c1 a8 | ldp x11,x12,[x22],16
4b 31 81 a8 | stp x11,x12,[x10],16
cb ff ff b5 | cbnz x11,copy_auxv       | AT_NULL
6b 06 40 f9 | ldr x11,[x19,8]
6b 6a 6b f8 | ldr x11,[x19,x11]        | the GOT slot holds &environ
77 01 00 f9 | str x23,[x11]            | environ = the new envp
e0 03 14 aa | mov x0,x20
70 02 40 f9 | ldr x16,[x19]            | (x16: a branch that BTI lets through)
70 02 10 8b | add x16,x19,x16
00 02 1f d6 | br x16                   | the old entry
table:
6f 02 0f 8b | add x15,x19,x15          | w12 offsets from x15 on
table_next:
cc 00 00 34 | cbz w12,table_end
8c 05 00 51 | sub w12,w12,1
eb 45 40 b8 | ldr w11,[x15],4
6b 02 0b 8b | add x11,x19,x11          | a word of argv or envp
4b 85 00 f8 | str x11,[x10],8
fb ff ff 17 | b table_next
table_end:
c0 03 5f d6 | ret
`;
