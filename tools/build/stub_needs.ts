/**
 * A part of the start stub: whether the program has what it needs.
 *
 * With too few descriptors, too small a stack, too little room for addresses or
 * without /proc, Deno panics, V8 aborts, or both fail somewhere on their way to
 * the program: several dozen lines, and a status that says nothing. So the stub
 * asks first. What is missing it tells in one line, or with `--json` among the
 * words in one document on stdout, and exits with status 3.
 *
 * - Limits are asked of the kernel: prlimit(2).
 * - /proc is there if the refuge is, see stub.ts.
 * - Of descriptors the stub opens as many as will be needed, as pipes, two in a
 *   call, and closes them: so those count that the program was born with. Any
 *   failure but "no more" is left to Deno. (With fewer than four ld.so finds no
 *   libraries: it says so in a line, status 127.)
 *
 * It also has SIGXFSZ ignored, which would kill the program amid a change where
 * a file may not grow (`ulimit -f`): write(2) then says EFBIG, and the change
 * is undone. Programs that it starts inherit that.
 *
 * At the offset that the table names stand a byte with the number of
 * descriptors; of each limit a byte with the resource and one with n, where at
 * least 2 to the power of n bytes must be allowed; two zero bytes; and of each
 * refusal two C strings, the line and the document: of the descriptors, of
 * /proc, and of the limits in their order.
 *
 * @module
 */

/** As {@linkcode CACHE_X86_64}; called by the stub with rbp = segment. */
export const NEEDS_X86_64 = `
needs:
8b 45 34                      | mov eax,[rbp+52]          | what is needed
85 c0                         | test eax,eax
0f 84 7a 01 00 00             | jz enough                 | 0: nobody asked for it
48 8d 5c 05 00                | lea rbx,[rbp+rax]
48 c7 44 24 08 01 00 00 00    | mov qword ptr [rsp+8],1   | SIG_IGN
31 c0                         | xor eax,eax
48 89 44 24 10                | mov [rsp+16],rax          | sa_flags
48 89 44 24 18                | mov [rsp+24],rax          | sa_restorer
48 89 44 24 20                | mov [rsp+32],rax          | sa_mask
48 8d 74 24 08                | lea rsi,[rsp+8]
bf 19 00 00 00                | mov edi,25                | SIGXFSZ: a write says EFBIG then
31 d2                         | xor edx,edx
41 ba 08 00 00 00             | mov r10d,8
b8 0d 00 00 00                | mov eax,13                | __NR_rt_sigaction
0f 05                         | syscall
4c 8d 73 01                   | lea r14,[rbx+1]           | the limits
41 bd 02 00 00 00             | mov r13d,2                | the refusal of the first
limit:
41 0f b6 36                   | movzx esi,byte ptr [r14]  | a resource
85 f6                         | test esi,esi
74 31                         | jz limits_end
48 83 4c 24 08 ff             | or qword ptr [rsp+8],-1   | if the kernel does not say
31 ff                         | xor edi,edi               | this process
31 d2                         | xor edx,edx
4c 8d 54 24 08                | lea r10,[rsp+8]
b8 2e 01 00 00                | mov eax,302               | __NR_prlimit64
0f 05                         | syscall                   | destroys rcx
41 8a 4e 01                   | mov cl,[r14+1]
48 8b 44 24 08                | mov rax,[rsp+8]           | rlim_cur
48 d3 e8                      | shr rax,cl                | 0: less than 2 to the power of that
0f 84 99 00 00 00             | jz refuse
49 83 c6 02                   | add r14,2
41 ff c5                      | inc r13d
eb c7                         | jmp limit
limits_end:
41 bd 01 00 00 00             | mov r13d,1
8b 7d 24                      | mov edi,[rbp+36]          | the refuge, in /proc
48 01 ef                      | add rdi,rbp
31 f6                         | xor esi,esi               | F_OK
b8 15 00 00 00                | mov eax,21                | __NR_access
0f 05                         | syscall
85 c0                         | test eax,eax
75 77                         | jnz refuse                | -ENOENT
44 0f b6 23                   | movzx r12d,byte ptr [rbx] | so many descriptors
45 31 ed                      | xor r13d,r13d
take:
4a 8d 7c ac 08                | lea rdi,[rsp+r13*4+8]     | room for 256 of them
be 00 00 08 00                | mov esi,0x80000           | O_CLOEXEC
b8 25 01 00 00                | mov eax,293               | __NR_pipe2
0f 05                         | syscall
85 c0                         | test eax,eax
78 4f                         | js none
41 83 c5 02                   | add r13d,2
45 39 e5                      | cmp r13d,r12d
72 e2                         | jb take
give:
41 ff cd                      | dec r13d                  | the numbers rise
0f 88 b8 00 00 00             | js enough
42 8b 74 ac 08                | mov esi,[rsp+r13*4+8]     | the last one
89 f7                         | mov edi,esi               | the first one in a row with it
in_row:
45 85 ed                      | test r13d,r13d
74 15                         | jz shut
42 8b 44 ac 04                | mov eax,[rsp+r13*4+4]
ff c0                         | inc eax
39 f8                         | cmp eax,edi
75 0a                         | jne shut
42 8b 7c ac 04                | mov edi,[rsp+r13*4+4]
41 ff cd                      | dec r13d
eb e6                         | jmp in_row
shut:
31 d2                         | xor edx,edx
b8 b4 01 00 00                | mov eax,436               | __NR_close_range, since Linux 5.9
0f 05                         | syscall
85 c0                         | test eax,eax
74 c9                         | jz give
each:
b8 03 00 00 00                | mov eax,3                 | __NR_close
0f 05                         | syscall
ff c7                         | inc edi
39 f7                         | cmp edi,esi
76 f3                         | jbe each
eb ba                         | jmp give
none:
83 c0 18                      | add eax,24                | -EMFILE: no more for this process
74 04                         | jz too_few
ff c8                         | dec eax                   | -ENFILE: nor for any
75 b1                         | jnz give
too_few:
45 31 ed                      | xor r13d,r13d
refuse:
48 8d 73 01                   | lea rsi,[rbx+1]
texts:
66 ad                         | lodsw                     | behind the limits
84 c0                         | test al,al
75 fa                         | jnz texts
45 01 ed                      | add r13d,r13d             | a refusal has two texts
bf 02 00 00 00                | mov edi,2                 | the first is for stderr
4c 8d b4 24 10 10 00 00       | lea r14,[rsp+4112]        | argv
49 bc 00 2d 2d 6a 73 6f 6e 00 | mov r12,0x6e6f736a2d2d00  | '--json' and a NUL, below them a byte
each_word:
49 8b 06                      | mov rax,[r14]
49 83 c6 08                   | add r14,8
48 85 c0                      | test rax,rax
74 14                         | jz skip
48 8b 00                      | mov rax,[rax]             | the frame goes on behind the last word
48 c1 e0 08                   | shl rax,8
4c 39 e0                      | cmp rax,r12
75 e8                         | jne each_word
bf 01 00 00 00                | mov edi,1                 | stdout, and the other text
41 ff c5                      | inc r13d
skip:
41 ff cd                      | dec r13d
78 07                         | js found
other:
ac                            | lodsb
84 c0                         | test al,al
75 fb                         | jnz other
eb f4                         | jmp skip
found:
31 d2                         | xor edx,edx
length:
80 3c 16 00                   | cmp byte ptr [rsi+rdx],0
74 04                         | je tell
ff c2                         | inc edx
eb f6                         | jmp length
tell:
b8 01 00 00 00                | mov eax,1                 | __NR_write
0f 05                         | syscall
bf 03 00 00 00                | mov edi,3                 | refused
b8 e7 00 00 00                | mov eax,231               | __NR_exit_group
0f 05                         | syscall
enough:
c3                            | ret
`;

/** As {@linkcode CACHE_AARCH64}; called by the stub with x19 = segment. */
export const NEEDS_AARCH64 = `
needs:
69 36 40 b9 | ldr w9,[x19,52]       | what is needed
c9 0d 00 34 | cbz w9,enough         | 0: nobody asked for it
75 02 09 8b | add x21,x19,x9
29 00 80 d2 | mov x9,1              | SIG_IGN
e9 7f 00 a9 | stp x9,xzr,[sp]       | sa_flags
ff 7f 01 a9 | stp xzr,xzr,[sp,16]   | sa_restorer, sa_mask
20 03 80 d2 | mov x0,25             | SIGXFSZ: a write says EFBIG then
e1 03 00 91 | mov x1,sp
02 00 80 d2 | mov x2,0
03 01 80 d2 | mov x3,8
c8 10 80 d2 | mov x8,134            | __NR_rt_sigaction
01 00 00 d4 | svc 0
b6 06 00 91 | add x22,x21,1         | the limits
57 00 80 d2 | mov x23,2             | the refusal of the first
limit:
c1 16 40 38 | ldrb w1,[x22],1       | a resource
d8 16 40 38 | ldrb w24,[x22],1
a1 01 00 34 | cbz w1,limits_end
09 00 80 92 | mov x9,-1             | if the kernel does not say
e9 03 00 f9 | str x9,[sp]
00 00 80 d2 | mov x0,0              | this process
02 00 80 d2 | mov x2,0
e3 03 00 91 | mov x3,sp
a8 20 80 d2 | mov x8,261            | __NR_prlimit64
01 00 00 d4 | svc 0
e9 03 40 f9 | ldr x9,[sp]           | rlim_cur
29 25 d8 9a | lsr x9,x9,x24         | 0: less than 2 to the power of that
69 06 00 b4 | cbz x9,refuse
f7 06 00 91 | add x23,x23,1
f2 ff ff 17 | b limit
limits_end:
37 00 80 d2 | mov x23,1
60 0c 80 92 | mov x0,-100           | AT_FDCWD
61 26 40 b9 | ldr w1,[x19,36]       | the refuge, in /proc
61 02 01 8b | add x1,x19,x1
02 00 80 d2 | mov x2,0              | F_OK
08 06 80 d2 | mov x8,48             | __NR_faccessat
01 00 00 d4 | svc 0
20 05 00 b5 | cbnz x0,refuse        | -ENOENT
b6 02 40 39 | ldrb w22,[x21]        | so many descriptors
17 00 80 d2 | mov x23,0
take:
e0 6b 37 8b | add x0,sp,x23,lsl 2   | room for 256 of them
01 01 a0 d2 | mov x1,0x80000        | O_CLOEXEC
68 07 80 d2 | mov x8,59             | __NR_pipe2
01 00 00 d4 | svc 0
a0 03 f8 b7 | tbnz x0,63,none
f7 0a 00 91 | add x23,x23,2
ff 02 16 eb | cmp x23,x22
23 ff ff 54 | b.lo take
give:
17 08 00 b4 | cbz x23,enough        | the numbers rise
f7 06 00 d1 | sub x23,x23,1
e1 7b 77 b8 | ldr w1,[sp,x23,lsl 2] | the last one
e9 03 01 2a | mov w9,w1             | the first one in a row with it
in_row:
37 01 00 b4 | cbz x23,shut
ea 06 00 d1 | sub x10,x23,1
eb 7b 6a b8 | ldr w11,[sp,x10,lsl 2]
6c 05 00 11 | add w12,w11,1
9f 01 09 6b | cmp w12,w9
81 00 00 54 | b.ne shut
e9 03 0b 2a | mov w9,w11
f7 03 0a aa | mov x23,x10
f8 ff ff 17 | b in_row
shut:
e0 03 09 2a | mov w0,w9
02 00 80 d2 | mov x2,0
88 36 80 d2 | mov x8,436            | __NR_close_range, since Linux 5.9
01 00 00 d4 | svc 0
e0 fd ff b4 | cbz x0,give
each:
e0 03 09 2a | mov w0,w9
28 07 80 d2 | mov x8,57             | __NR_close
01 00 00 d4 | svc 0
29 05 00 11 | add w9,w9,1
3f 01 01 6b | cmp w9,w1
69 ff ff 54 | b.ls each
e8 ff ff 17 | b give
none:
1f 60 00 b1 | cmn x0,24             | -EMFILE: no more for this process
60 00 00 54 | b.eq too_few
1f 5c 00 b1 | cmn x0,23             | -ENFILE: nor for any
81 fc ff 54 | b.ne give
too_few:
17 00 80 d2 | mov x23,0
refuse:
a1 06 00 91 | add x1,x21,1
texts:
29 24 40 38 | ldrb w9,[x1],2        | behind the limits
e9 ff ff 35 | cbnz w9,texts
f7 fa 7f d3 | lsl x23,x23,1         | a refusal has two texts
40 00 80 d2 | mov x0,2              | the first is for stderr
e9 07 40 91 | add x9,sp,4096
29 21 00 91 | add x9,x9,8           | argv
0c a0 85 d2 | mov x12,0x2d00        | '--json' and a NUL, below them a byte
ac 45 ad f2 | movk x12,0x6a2d,lsl 16
6c ee cd f2 | movk x12,0x6f73,lsl 32
cc 0d e0 f2 | movk x12,0x006e,lsl 48
each_word:
2a 85 40 f8 | ldr x10,[x9],8
ea 00 00 b4 | cbz x10,skip
4a 01 40 f9 | ldr x10,[x10]         | the frame goes on behind the last word
4a dd 78 d3 | lsl x10,x10,8
5f 01 0c eb | cmp x10,x12
61 ff ff 54 | b.ne each_word
20 00 80 d2 | mov x0,1              | stdout, and the other text
f7 06 00 91 | add x23,x23,1
skip:
b7 00 00 b4 | cbz x23,found
f7 06 00 d1 | sub x23,x23,1
other:
2a 14 40 38 | ldrb w10,[x1],1
ea ff ff 35 | cbnz w10,other
fc ff ff 17 | b skip
found:
02 00 80 d2 | mov x2,0
length:
2a 68 62 38 | ldrb w10,[x1,x2]
6a 00 00 34 | cbz w10,tell
42 04 00 91 | add x2,x2,1
fd ff ff 17 | b length
tell:
08 08 80 d2 | mov x8,64             | __NR_write
01 00 00 d4 | svc 0
60 00 80 d2 | mov x0,3              | refused
c8 0b 80 d2 | mov x8,94             | __NR_exit_group
01 00 00 d4 | svc 0
enough:
c0 03 5f d6 | ret
`;
