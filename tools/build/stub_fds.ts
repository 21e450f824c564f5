/**
 * A part of the start stub: whether the program can open what it needs.
 *
 * With too few descriptors Deno panics, or fails somewhere on its way to the
 * program: several dozen lines, and a status that says nothing. So the stub
 * opens as many as will be needed, as pipes, two in a call, and closes them.
 * Where the kernel has no more the stub tells that in one line, or with
 * `--json` among the words in one document on stdout, and exits with status 3.
 * Any other failure is left to Deno. (With fewer than four ld.so finds no
 * libraries: it says so in a line, status 127.)
 *
 * At the offset that the table names stand a byte with the number of
 * descriptors and two C strings, the line and the document.
 *
 * @module
 */

/** As {@linkcode CACHE_X86_64}; called by the stub with rbp = segment. */
export const FDS_X86_64 = `
room:
8b 45 34                      | mov eax,[rbp+52]          | a count and two texts
85 c0                         | test eax,eax
0f 84 d5 00 00 00             | jz enough                 | 0: nobody asked for it
48 8d 5c 05 00                | lea rbx,[rbp+rax]
44 0f b6 23                   | movzx r12d,byte ptr [rbx] | so many are needed
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
0f 88 a2 00 00 00             | js enough
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
74 04                         | jz refuse
ff c8                         | dec eax                   | -ENFILE: nor for any
75 b1                         | jnz give
refuse:
48 8d 73 01                   | lea rsi,[rbx+1]           | the text for stderr
bf 02 00 00 00                | mov edi,2
4c 8d b4 24 10 10 00 00       | lea r14,[rsp+4112]        | argv
49 bc 00 2d 2d 6a 73 6f 6e 00 | mov r12,0x6e6f736a2d2d00  | '--json' and a NUL, below them a byte
each_word:
49 8b 06                      | mov rax,[r14]
49 83 c6 08                   | add r14,8
48 85 c0                      | test rax,rax
74 16                         | jz measured
48 8b 00                      | mov rax,[rax]             | the frame goes on behind the last word
48 c1 e0 08                   | shl rax,8
4c 39 e0                      | cmp rax,r12
75 e8                         | jne each_word
bf 01 00 00 00                | mov edi,1                 | stdout, and the other text
other:
ac                            | lodsb
84 c0                         | test al,al
75 fb                         | jnz other
measured:
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
export const FDS_AARCH64 = `
room:
69 36 40 b9 | ldr w9,[x19,52]        | a count and two texts
89 08 00 34 | cbz w9,enough          | 0: nobody asked for it
75 02 09 8b | add x21,x19,x9
b6 02 40 39 | ldrb w22,[x21]         | so many are needed
17 00 80 d2 | mov x23,0
take:
e0 6b 37 8b | add x0,sp,x23,lsl 2    | room for 256 of them
01 01 a0 d2 | mov x1,0x80000         | O_CLOEXEC
68 07 80 d2 | mov x8,59              | __NR_pipe2
01 00 00 d4 | svc 0
a0 03 f8 b7 | tbnz x0,63,none
f7 0a 00 91 | add x23,x23,2
ff 02 16 eb | cmp x23,x22
23 ff ff 54 | b.lo take
give:
17 07 00 b4 | cbz x23,enough         | the numbers rise
f7 06 00 d1 | sub x23,x23,1
e1 7b 77 b8 | ldr w1,[sp,x23,lsl 2]  | the last one
e9 03 01 2a | mov w9,w1              | the first one in a row with it
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
88 36 80 d2 | mov x8,436             | __NR_close_range, since Linux 5.9
01 00 00 d4 | svc 0
e0 fd ff b4 | cbz x0,give
each:
e0 03 09 2a | mov w0,w9
28 07 80 d2 | mov x8,57              | __NR_close
01 00 00 d4 | svc 0
29 05 00 11 | add w9,w9,1
3f 01 01 6b | cmp w9,w1
69 ff ff 54 | b.ls each
e8 ff ff 17 | b give
none:
1f 60 00 b1 | cmn x0,24              | -EMFILE: no more for this process
60 00 00 54 | b.eq refuse
1f 5c 00 b1 | cmn x0,23              | -ENFILE: nor for any
81 fc ff 54 | b.ne give
refuse:
a1 06 00 91 | add x1,x21,1           | the text for stderr
40 00 80 d2 | mov x0,2
e9 07 40 91 | add x9,sp,4096
29 21 00 91 | add x9,x9,8            | argv
0c a0 85 d2 | mov x12,0x2d00         | '--json' and a NUL, below them a byte
ac 45 ad f2 | movk x12,0x6a2d,lsl 16
6c ee cd f2 | movk x12,0x6f73,lsl 32
cc 0d e0 f2 | movk x12,0x006e,lsl 48
each_word:
2a 85 40 f8 | ldr x10,[x9],8
0a 01 00 b4 | cbz x10,measured
4a 01 40 f9 | ldr x10,[x10]          | the frame goes on behind the last word
4a dd 78 d3 | lsl x10,x10,8
5f 01 0c eb | cmp x10,x12
61 ff ff 54 | b.ne each_word
20 00 80 d2 | mov x0,1               | stdout, and the other text
other:
2a 14 40 38 | ldrb w10,[x1],1
ea ff ff 35 | cbnz w10,other
measured:
02 00 80 d2 | mov x2,0
length:
2a 68 62 38 | ldrb w10,[x1,x2]
6a 00 00 34 | cbz w10,tell
42 04 00 91 | add x2,x2,1
fd ff ff 17 | b length
tell:
08 08 80 d2 | mov x8,64              | __NR_write
01 00 00 d4 | svc 0
60 00 80 d2 | mov x0,3               | refused
c8 0b 80 d2 | mov x8,94              | __NR_exit_group
01 00 00 d4 | svc 0
enough:
c0 03 5f d6 | ret
`;
