/**
 * A part of the start stub: relocates the program in place of ld.so.
 *
 * Deno has 160,000 relative relocations: words to which the address is added
 * where the program was loaded. For ld.so they are 3.8 MB of table, and it
 * makes a copy of each of 620 pages by a page fault. relocations.ts takes them
 * out of ld.so's table, and gives them to the stub as 40 kB of bitmaps (as
 * DT_RELR is: an even word is a place, an odd one a bitmap of the 63 words
 * behind).
 *
 * On x86_64 the stub relocates a copy in huge pages, which take three page
 * faults, and moves it to where the region was (mremap(2)). Where there are no
 * huge pages (mincore(2) tells), it relocates the region itself.
 *
 * Nothing runs before the stub that needs these words: constructors of
 * libraries, and what ld.so does, never enter the program.
 *
 * @module
 */

/** As {@linkcode STUB_X86_64}; called by it with rbp = segment. */
export const RELOCATE_X86_64 = `
relocate:
8b 4d 4c                | mov ecx,[rbp+76]        | words of the table
85 c9                   | test ecx,ecx
0f 84 2f 01 00 00       | jz relocated            | none: ld.so did it all
4c 8b 6d 40             | mov r13,[rbp+64]
49 01 ed                | add r13,rbp             | r13 = the region
4d 89 ee                | mov r14,r13             | r14 = where it is relocated
8b 5d 58                | mov ebx,[rbp+88]        | its bytes
8d b3 ff ff 3f 00       | lea esi,[rbx+0x3fffff]
81 e6 00 00 e0 ff       | and esi,-0x200000       | whole huge pages, and one for alignment
41 89 f4                | mov r12d,esi
31 ff                   | xor edi,edi
ba 03 00 00 00          | mov edx,3               | PROT_READ, PROT_WRITE
41 ba 22 00 00 00       | mov r10d,0x22           | MAP_PRIVATE, MAP_ANONYMOUS
49 83 c8 ff             | or r8,-1
45 31 c9                | xor r9d,r9d
b8 09 00 00 00          | mov eax,9               | __NR_mmap
0f 05                   | syscall
48 85 c0                | test rax,rax
78 63                   | js in_place
49 89 c1                | mov r9,rax              | r9 = the memory
48 8d b8 ff ff 1f 00    | lea rdi,[rax+0x1fffff]
48 81 e7 00 00 e0 ff    | and rdi,-0x200000
49 89 f8                | mov r8,rdi
41 8d b4 24 00 00 e0 ff | lea esi,[r12-0x200000]
ba 0e 00 00 00          | mov edx,14              | MADV_HUGEPAGE
b8 1c 00 00 00          | mov eax,28              | __NR_madvise
0f 05                   | syscall
85 c0                   | test eax,eax
75 37                   | jnz in_place
41 88 00                | mov [r8],al             | the first page, huge or not
49 8d b8 00 f0 1f 00    | lea rdi,[r8+0x1ff000]
be 00 10 00 00          | mov esi,4096
48 8d 54 24 08          | lea rdx,[rsp+8]
b8 1b 00 00 00          | mov eax,27              | __NR_mincore
0f 05                   | syscall
85 c0                   | test eax,eax
75 18                   | jnz in_place
f6 44 24 08 01          | test byte ptr [rsp+8],1 | it is there, too: a huge page
74 11                   | jz in_place
4d 89 c6                | mov r14,r8
4c 89 c7                | mov rdi,r8
4c 89 ee                | mov rsi,r13
89 d9                   | mov ecx,ebx
c1 e9 03                | shr ecx,3
f3 48 a5                | rep movsq
in_place:
48 8b 5d 50             | mov rbx,[rbp+80]
48 01 eb                | add rbx,rbp             | rbx = where the program is loaded
8b 75 48                | mov esi,[rbp+72]
48 01 ee                | add rsi,rbp             | rsi = the table
8b 4d 4c                | mov ecx,[rbp+76]
relocation:
48 ad                   | lodsq
a8 01                   | test al,1
75 0d                   | jnz bitmap
49 8d 3c 06             | lea rdi,[r14+rax]       | a place
48 01 1f                | add [rdi],rbx
48 83 c7 08             | add rdi,8
eb 25                   | jmp relocation_end
bitmap:
48 89 fa                | mov rdx,rdi             | the 63 words behind
bit:
48 d1 e8                | shr rax,1
74 16                   | jz bitmap_end
41 89 c2                | mov r10d,eax
41 83 e2 01             | and r10d,1
49 f7 da                | neg r10
49 21 da                | and r10,rbx
4c 01 12                | add [rdx],r10
48 83 c2 08             | add rdx,8
eb e5                   | jmp bit
bitmap_end:
48 81 c7 f8 01 00 00    | add rdi,504
relocation_end:
ff c9                   | dec ecx
75 c4                   | jnz relocation
8b 5d 58                | mov ebx,[rbp+88]
4d 39 ee                | cmp r14,r13
74 2a                   | je unused
4d 89 e8                | mov r8,r13
41 ba 03 00 00 00       | mov r10d,3              | MREMAP_MAYMOVE, MREMAP_FIXED
89 da                   | mov edx,ebx
89 de                   | mov esi,ebx
4c 89 f7                | mov rdi,r14
b8 19 00 00 00          | mov eax,25              | __NR_mremap
0f 05                   | syscall
4c 39 e8                | cmp rax,r13
74 0e                   | je unused
4c 89 ef                | mov rdi,r13             | refused: back to where it was
4c 89 f6                | mov rsi,r14
89 d9                   | mov ecx,ebx
c1 e9 03                | shr ecx,3
f3 48 a5                | rep movsq
unused:
4d 85 c9                | test r9,r9
74 0d                   | jz relocated
44 89 e6                | mov esi,r12d
4c 89 cf                | mov rdi,r9
b8 0b 00 00 00          | mov eax,11              | __NR_munmap: what was not moved
0f 05                   | syscall
relocated:
c3                      | ret
`;

/** As {@linkcode STUB_AARCH64}; called by it with x19 = segment. */
export const RELOCATE_AARCH64 = `
relocate:
69 4e 40 b9 | ldr w9,[x19,76]    | words of the table
49 03 00 34 | cbz w9,relocated   | none: ld.so did it all
6a 22 40 f9 | ldr x10,[x19,64]
6a 02 0a 8b | add x10,x19,x10    | x10 = the region
6b 2a 40 f9 | ldr x11,[x19,80]
6b 02 0b 8b | add x11,x19,x11    | x11 = where the program is loaded
6c 4a 40 b9 | ldr w12,[x19,72]
6c 02 0c 8b | add x12,x19,x12    | x12 = the table
relocation:
8d 85 40 f8 | ldr x13,[x12],8
cd 00 00 37 | tbnz x13,0,bitmap
4e 01 0d 8b | add x14,x10,x13    | a place
cf 01 40 f9 | ldr x15,[x14]
ef 01 0b 8b | add x15,x15,x11
cf 85 00 f8 | str x15,[x14],8
0b 00 00 14 | b relocation_end
bitmap:
ef 03 0e aa | mov x15,x14        | the 63 words behind
bit:
ad fd 41 d3 | lsr x13,x13,1
ed 00 00 b4 | cbz x13,bitmap_end
b1 01 40 93 | sbfx x17,x13,0,1
31 02 0b 8a | and x17,x17,x11
f0 01 40 f9 | ldr x16,[x15]
10 02 11 8b | add x16,x16,x17
f0 85 00 f8 | str x16,[x15],8
f9 ff ff 17 | b bit
bitmap_end:
ce e1 07 91 | add x14,x14,504
relocation_end:
29 05 00 51 | sub w9,w9,1
c9 fd ff 35 | cbnz w9,relocation
relocated:
c0 03 5f d6 | ret
`;
