/**
 * A part of the start stub: V8's compiled code, in a place where Deno looks
 * for it and nobody else does.
 *
 * Deno keeps the code that V8 has compiled in an SQLite database in its cache
 * folder. The stub makes a tmpfs that is mounted nowhere (fsopen(2), fsmount(2):
 * it goes when its last fd does, also with a process that is killed), writes
 * the database that the build made into it, and leaves it as fd 901,
 * close-on-exec. DENO_DIR names it by /proc/self/fd. Where that cannot be made
 * (before Linux 5.2, without CAP_SYS_ADMIN, with too few fds, with a limit on
 * the size of files) there is no such folder, and V8 compiles.
 *
 * SQLite makes a path canonical before it opens it, by reading each link in
 * it, and what /proc/self/fd/901 is called there means another place. It
 * reaches lstat(2) through a table that is there to be changed
 * (`xSetSystemCall` of sqlite3_vfs); the stub enters a function that calls
 * nothing a link, so that the path stays as it is.
 *
 * @module
 */

/** As {@linkcode STUB_X86_64}; called by it with rbp = segment. */
export const CACHE_X86_64 = `
cache:
bf 85 03 00 00          | mov edi,901              | the caller's, if there is one
b8 03 00 00 00          | mov eax,3                | __NR_close
0f 05                   | syscall
44 8b 65 30             | mov r12d,[rbp+48]        | bytes of the cache
45 85 e4                | test r12d,r12d
0f 84 16 01 00 00       | jz cached                | none: nothing to do
48 8d 74 24 08          | lea rsi,[rsp+8]          | room for what it writes
bf 01 00 00 00          | mov edi,1                | RLIMIT_FSIZE
b8 61 00 00 00          | mov eax,97               | __NR_getrlimit
0f 05                   | syscall
48 83 7c 24 08 ff       | cmp qword ptr [rsp+8],-1 | RLIM_INFINITY
0f 85 f9 00 00 00       | jne cached               | a longer file could not be written
48 8b 45 38             | mov rax,[rbp+56]         | SQLite's pointer to lstat
48 8d 0d ef 00 00 00    | lea rcx,[rip+no_link]
48 89 0c 28             | mov [rax+rbp],rcx        | from now on nothing is a link
48 8d 3d f2 00 00 00    | lea rdi,[rip+tmpfs]
be 01 00 00 00          | mov esi,1                | FSOPEN_CLOEXEC
b8 ae 01 00 00          | mov eax,430              | __NR_fsopen
0f 05                   | syscall
85 c0                   | test eax,eax             | -ENOSYS before Linux 5.2, -EPERM
0f 88 cf 00 00 00       | js cached
41 89 c5                | mov r13d,eax             | the fd of the configuration
89 c7                   | mov edi,eax
be 01 00 00 00          | mov esi,1                | FSCONFIG_SET_STRING
48 8d 15 d3 00 00 00    | lea rdx,[rip+mode]
4c 8d 15 d1 00 00 00    | lea r10,[rip+owner_only]
45 31 c0                | xor r8d,r8d
b8 af 01 00 00          | mov eax,431              | __NR_fsconfig
0f 05                   | syscall
44 89 ef                | mov edi,r13d
be 06 00 00 00          | mov esi,6                | FSCONFIG_CMD_CREATE
31 d2                   | xor edx,edx
45 31 d2                | xor r10d,r10d
b8 af 01 00 00          | mov eax,431              | __NR_fsconfig
0f 05                   | syscall
44 89 ef                | mov edi,r13d
be 01 00 00 00          | mov esi,1                | FSMOUNT_CLOEXEC
ba 0e 00 00 00          | mov edx,0xe              | MOUNT_ATTR_NOSUID, _NODEV, _NOEXEC
b8 b0 01 00 00          | mov eax,432              | __NR_fsmount
0f 05                   | syscall
41 89 c6                | mov r14d,eax             | the fd of the mount
44 89 ef                | mov edi,r13d
b8 03 00 00 00          | mov eax,3                | __NR_close
0f 05                   | syscall
45 85 f6                | test r14d,r14d
78 73                   | js cached
44 89 f7                | mov edi,r14d
be 85 03 00 00          | mov esi,901
ba 00 00 08 00          | mov edx,0x80000          | O_CLOEXEC
b8 24 01 00 00          | mov eax,292              | __NR_dup3
0f 05                   | syscall
41 89 c5                | mov r13d,eax             | 901, or -EBADF: fewer fds allowed
44 89 f7                | mov edi,r14d
b8 03 00 00 00          | mov eax,3                | __NR_close
0f 05                   | syscall
45 85 ed                | test r13d,r13d
78 4d                   | js cached
44 89 ef                | mov edi,r13d
48 8d 35 62 00 00 00    | lea rsi,[rip+file]
ba 41 00 08 00          | mov edx,0x80041          | O_WRONLY
41 ba 80 01 00 00       | mov r10d,0x180           | 0600
b8 01 01 00 00          | mov eax,257              | __NR_openat
0f 05                   | syscall
85 c0                   | test eax,eax
78 2d                   | js cached
89 c7                   | mov edi,eax
8b 75 2c                | mov esi,[rbp+44]         | the bytes, in the segment
48 01 ee                | add rsi,rbp
44 89 e2                | mov edx,r12d
b8 01 00 00 00          | mov eax,1                | __NR_write
0f 05                   | syscall
49 89 c6                | mov r14,rax
b8 03 00 00 00          | mov eax,3                | __NR_close
0f 05                   | syscall
4d 39 e6                | cmp r14,r12              | short of memory: better none
74 0c                   | je cached
bf 85 03 00 00          | mov edi,901
b8 03 00 00 00          | mov eax,3                | __NR_close
0f 05                   | syscall
cached:
c3                      | ret
no_link:
f3 0f 1e fa             | endbr64                  | int lstat(path, struct stat *)
c7 46 18 00 00 00 00    | mov dword ptr [rsi+24],0 | st_mode: no link
31 c0                   | xor eax,eax
c3                      | ret
tmpfs:
74 6d 70 66 73 00       | 'tmpfs'
mode:
6d 6f 64 65 00          | 'mode'
owner_only:
30 37 30 30 00          | '0700'
file:
76 38 5f 63 6f 64 65 5f | 'v8_code_cache_v2'
63 61 63 68 65 5f 76 32 | 'v8_code_cache_v2'
00                      | 'v8_code_cache_v2'
`;

/** As {@linkcode STUB_AARCH64}; called by it with x19 = segment. */
export const CACHE_AARCH64 = `
cache:
a0 70 80 d2             | mov x0,901         | the caller's, if there is one
28 07 80 d2             | mov x8,57          | __NR_close
01 00 00 d4             | svc 0
78 32 40 b9             | ldr w24,[x19,48]   | bytes of the cache
58 09 00 34             | cbz w24,cached     | none: nothing to do
00 00 80 d2             | mov x0,0           | this process
21 00 80 d2             | mov x1,1           | RLIMIT_FSIZE
02 00 80 d2             | mov x2,0
e3 03 00 91             | mov x3,sp          | room for what it writes
a8 20 80 d2             | mov x8,261         | __NR_prlimit64
01 00 00 d4             | svc 0
e9 03 40 f9             | ldr x9,[sp]
3f 05 00 b1             | cmn x9,1           | RLIM_INFINITY
21 08 00 54             | b.ne cached        | a longer file could not be written
69 1e 40 f9             | ldr x9,[x19,56]    | SQLite's pointer to lstat
0a 08 00 10             | adr x10,no_link
6a 6a 29 f8             | str x10,[x19,x9]   | from now on nothing is a link
40 08 00 10             | adr x0,tmpfs
21 00 80 d2             | mov x1,1           | FSOPEN_CLOEXEC
c8 35 80 d2             | mov x8,430         | __NR_fsopen
01 00 00 d4             | svc 0
20 07 f8 b7             | tbnz x0,63,cached  | -ENOSYS before Linux 5.2, -EPERM
f9 03 00 aa             | mov x25,x0         | the fd of the configuration
21 00 80 d2             | mov x1,1           | FSCONFIG_SET_STRING
a2 07 00 10             | adr x2,mode
c3 07 00 10             | adr x3,owner_only
04 00 80 d2             | mov x4,0
e8 35 80 d2             | mov x8,431         | __NR_fsconfig
01 00 00 d4             | svc 0
e0 03 19 aa             | mov x0,x25
c1 00 80 d2             | mov x1,6           | FSCONFIG_CMD_CREATE
02 00 80 d2             | mov x2,0
03 00 80 d2             | mov x3,0
e8 35 80 d2             | mov x8,431         | __NR_fsconfig
01 00 00 d4             | svc 0
e0 03 19 aa             | mov x0,x25
21 00 80 d2             | mov x1,1           | FSMOUNT_CLOEXEC
c2 01 80 d2             | mov x2,14          | MOUNT_ATTR_NOSUID, _NODEV, _NOEXEC
08 36 80 d2             | mov x8,432         | __NR_fsmount
01 00 00 d4             | svc 0
fa 03 00 aa             | mov x26,x0         | the fd of the mount
e0 03 19 aa             | mov x0,x25
28 07 80 d2             | mov x8,57          | __NR_close
01 00 00 d4             | svc 0
5a 04 f8 b7             | tbnz x26,63,cached
e0 03 1a aa             | mov x0,x26
a1 70 80 d2             | mov x1,901
02 01 a0 d2             | mov x2,0x80000     | O_CLOEXEC
08 03 80 d2             | mov x8,24          | __NR_dup3
01 00 00 d4             | svc 0
f9 03 00 aa             | mov x25,x0         | 901, or -EBADF: fewer fds allowed
e0 03 1a aa             | mov x0,x26
28 07 80 d2             | mov x8,57          | __NR_close
01 00 00 d4             | svc 0
19 03 f8 b7             | tbnz x25,63,cached
e0 03 19 aa             | mov x0,x25
21 04 00 10             | adr x1,file
22 08 80 d2             | mov x2,0x41
02 01 a0 f2             | movk x2,8,lsl 16   | O_WRONLY
03 30 80 d2             | mov x3,384         | 0600
08 07 80 d2             | mov x8,56          | __NR_openat
01 00 00 d4             | svc 0
00 02 f8 b7             | tbnz x0,63,cached
f9 03 00 aa             | mov x25,x0
61 2e 40 b9             | ldr w1,[x19,44]    | the bytes, in the segment
61 02 01 8b             | add x1,x19,x1
e2 03 18 aa             | mov x2,x24
08 08 80 d2             | mov x8,64          | __NR_write
01 00 00 d4             | svc 0
fa 03 00 aa             | mov x26,x0
e0 03 19 aa             | mov x0,x25
28 07 80 d2             | mov x8,57          | __NR_close
01 00 00 d4             | svc 0
5f 03 18 eb             | cmp x26,x24        | short of memory: better none
80 00 00 54             | b.eq cached
a0 70 80 d2             | mov x0,901
28 07 80 d2             | mov x8,57          | __NR_close
01 00 00 d4             | svc 0
cached:
c0 03 5f d6             | ret
no_link:
5f 24 03 d5             | bti c              | int lstat(path, struct stat *)
3f 10 00 b9             | str wzr,[x1,16]    | st_mode: no link
00 00 80 52             | mov w0,0
c0 03 5f d6             | ret
tmpfs:
74 6d 70 66 73 00 00 00 | 'tmpfs'
mode:
6d 6f 64 65 00 00 00 00 | 'mode'
owner_only:
30 37 30 30 00 00 00 00 | '0700'
file:
76 38 5f 63 6f 64 65 5f | 'v8_code_cache_v2'
63 61 63 68 65 5f 76 32 | 'v8_code_cache_v2'
00 00 00 00             | 'v8_code_cache_v2'
`;
