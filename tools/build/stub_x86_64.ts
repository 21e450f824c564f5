/**
 * The start stub for x86_64, position independent, without relocations.
 *
 * Entered by ld.so by a jump, with rsp at argc and rdx = rtld_fini (System V
 * psABI for AMD64, 3.4.1 "Initial Stack and Register State"); all other
 * registers are free. See stub.ts for what it does and for the 96 bytes
 * before it, which it reads at [rbp+0] to [rbp+95].
 *
 * @module
 */

/** Columns: bytes, the instruction in Intel's syntax, why. */
export const STUB_X86_64 = `
f3 0f 1e fa          | endbr64                   | landing pad; a no-op where CET is off
48 8d 2d 95 ff ff ff | lea rbp,[rip+hdr]         | rbp = segment: 96 + 4 + 7 bytes back
49 89 d7             | mov r15,rdx               | rtld_fini: the old entry wants it in rdx
48 81 ec 00 10 00 00 | sub rsp,4096              | PATH_MAX bytes below the frame
e8 76 04 00 00       | call relocate             | stub_relocate.ts
e8 eb 02 00 00       | call needs                | stub_needs.ts
48 89 e7             | mov rdi,rsp
be 00 10 00 00       | mov esi,4096
b8 4f 00 00 00       | mov eax,79                | __NR_getcwd
0f 05                | syscall                   | destroys rcx and r11
48 85 c0             | test rax,rax              | a length, or -ENOENT: it was deleted
7e 06                | jle refuge
80 3c 24 2f          | cmp byte ptr [rsp],'/'    | not of our root: "(unreachable)/..."
74 0d                | je measure
refuge:
8b 7d 24             | mov edi,[rbp+36]          | a path in the segment
48 01 ef             | add rdi,rbp
b8 50 00 00 00       | mov eax,80                | __NR_chdir; failed: Deno will say so
0f 05                | syscall
measure:
48 89 e2             | mov rdx,rsp               | room for what it writes
be 01 54 00 00       | mov esi,0x5401            | TCGETS
bf 02 00 00 00       | mov edi,2
b8 10 00 00 00       | mov eax,16                | __NR_ioctl
0f 05                | syscall
85 c0                | test eax,eax              | -ENOTTY: stderr is no terminal
75 45                | jnz heard
ba 00 00 08 00       | mov edx,0x80000           | O_CLOEXEC
be 84 03 00 00       | mov esi,900
bf 02 00 00 00       | mov edi,2
b8 24 01 00 00       | mov eax,292               | __NR_dup3
0f 05                | syscall
85 c0                | test eax,eax              | -EBADF: fewer fds than that allowed
78 2b                | js heard
8b 7d 28             | mov edi,[rbp+40]          | a path in the segment
48 01 ef             | add rdi,rbp
be 01 00 00 00       | mov esi,1                 | O_WRONLY
b8 02 00 00 00       | mov eax,2                 | __NR_open
0f 05                | syscall
85 c0                | test eax,eax
78 15                | js heard
89 c7                | mov edi,eax
be 02 00 00 00       | mov esi,2
b8 21 00 00 00       | mov eax,33                | __NR_dup2
0f 05                | syscall
b8 03 00 00 00       | mov eax,3                 | __NR_close
0f 05                | syscall
heard:
e8 03 01 00 00       | call cache                | code_cache/stub.ts
48 81 c4 00 10 00 00 | add rsp,4096
49 89 e6             | mov r14,rsp               | r14 = the kernel's frame
49 8b 1e             | mov rbx,[r14]             | argc
49 8d 5c de 10       | lea rbx,[r14+rbx*8+16]    | rbx = envp, past argc, argv, NULL
48 89 df             | mov rdi,rbx
find_auxv:
48 83 3f 00          | cmp qword ptr [rdi],0
48 8d 7f 08          | lea rdi,[rdi+8]           | (leaves the flags alone)
75 f6                | jne find_auxv
find_end:
48 83 3f 00          | cmp qword ptr [rdi],0     | AT_NULL
48 8d 7f 10          | lea rdi,[rdi+16]          | an entry is two words
75 f6                | jne find_end
4c 29 f7             | sub rdi,r14               | bytes of the old frame
48 29 fc             | sub rsp,rdi               | as many for the new one, and
8b 45 10             | mov eax,[rbp+16]          | a word per inserted argument
03 45 14             | add eax,[rbp+20]          | and per inserted variable
48 c1 e0 03          | shl rax,3
48 29 c4             | sub rsp,rax
48 83 e4 f0          | and rsp,-16               | the alignment the psABI asks for
48 89 e7             | mov rdi,rsp               | rdi writes the new frame
49 8b 0e             | mov rcx,[r14]             | rcx = argc
49 8d 76 08          | lea rsi,[r14+8]           | rsi = argv
8b 45 10             | mov eax,[rbp+16]
85 c0                | test eax,eax
74 0c                | jz frame                  | nothing to insert: argv[0] stays
48 85 c9             | test rcx,rcx
74 07                | jz frame                  | argc 0, which Linux < 5.18 allows
48 ff c9             | dec rcx                   | our argv[0] takes the place of the
48 83 c6 08          | add rsi,8                 | caller's
frame:
48 01 c8             | add rax,rcx
48 ab                | stosq                     | argc
44 8b 45 18          | mov r8d,[rbp+24]
8b 55 10             | mov edx,[rbp+16]
e8 7f 00 00 00       | call table                | our arguments
f3 48 a5             | rep movsq                 | the caller's arguments
31 c0                | xor eax,eax
48 ab                | stosq                     | NULL
49 89 fd             | mov r13,rdi               | r13 = the new envp
44 8b 45 1c          | mov r8d,[rbp+28]
8b 55 14             | mov edx,[rbp+20]
e8 69 00 00 00       | call table                | our variables: getenv takes the first
48 89 de             | mov rsi,rbx
variable:
48 ad                | lodsq                     | rax = "NAME=value" of the caller
48 85 c0             | test rax,rax
74 3b                | jz variables_end
44 8b 45 20          | mov r8d,[rbp+32]
49 01 e8             | add r8,rbp                | r8 = rules
rule:
41 0f b6 08          | movzx ecx,byte ptr [r8]   | length of its prefix
45 0f b6 48 01       | movzx r9d,byte ptr [r8+1] | 0: hide; else the new first byte
49 83 c0 02          | add r8,2
85 c9                | test ecx,ecx
74 1a                | jz keep                   | no rule fits
31 d2                | xor edx,edx
compare:
44 8a 14 10          | mov r10b,[rax+rdx]        | the NUL at its end differs: no overrun
45 3a 14 10          | cmp r10b,[r8+rdx]
75 12                | jne differs
ff c2                | inc edx
39 ca                | cmp edx,ecx
72 f0                | jb compare
45 85 c9             | test r9d,r9d
74 ca                | jz variable               | hidden: not copied
44 88 08             | mov [rax],r9b             | renamed: the string is on the stack
keep:
48 ab                | stosq
eb c3                | jmp variable
differs:
49 01 c8             | add r8,rcx
eb cc                | jmp rule
variables_end:
48 ab                | stosq                     | NULL
copy_auxv:
48 a5                | movsq
48 a5                | movsq
48 83 7f f0 00       | cmp qword ptr [rdi-16],0  | AT_NULL
75 f5                | jne copy_auxv
48 8b 45 08          | mov rax,[rbp+8]
48 8b 04 28          | mov rax,[rax+rbp]         | the GOT slot holds &environ
4c 89 28             | mov [rax],r13             | environ = the new envp
4c 89 fa             | mov rdx,r15
48 8b 45 00          | mov rax,[rbp]
48 01 e8             | add rax,rbp
ff e0                | jmp rax                   | the old entry
table:
49 01 e8             | add r8,rbp                | edx offsets from r8 on
table_next:
ff ca                | dec edx
78 0e                | js table_end
41 8b 00             | mov eax,[r8]
49 83 c0 04          | add r8,4
48 01 e8             | add rax,rbp               | a word of argv or envp
48 ab                | stosq
eb ee                | jmp table_next
table_end:
c3                   | ret
`;
