"""A FUSE file system whose server stops reading: mute_fuse.py FOLDER LAST

It mounts itself on FOLDER, where every name is a file of a mebibyte, answers
requests until it has answered the first LAST (INIT, LOOKUP, OPEN, READ, ...),
and reads no more of them. It ends, and lets whatever hangs go on, when its
input does, at the latest after two minutes. include/uapi/linux/fuse.h.
"""

import os
import signal
import struct
import subprocess
import sys

FOLDER, LAST = sys.argv[1:]
OPCODES = {
    1: "LOOKUP", 3: "GETATTR", 14: "OPEN", 15: "READ", 17: "STATFS",
    18: "RELEASE", 25: "FLUSH", 26: "INIT", 34: "ACCESS",
}
ENOSYS = 38
# In seconds: what was answered once is not asked for again.
VALID = 3600
SIZE = 1 << 20
ROOT = 1


def mount(fd):
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    # -i: no helper, which would open /dev/fuse itself.
    command = ["mount", "-i", "-t", "fuse", "-o", options, "mute", FOLDER]
    subprocess.run(command, pass_fds=[fd], check=True)


def attributes(node):
    mode, size = (0o40755, 0) if node == ROOT else (0o100644, SIZE)
    times = (0,) * 6 + (0,) * 3
    return struct.pack("<QQQQQQIIIIIIIIII", node, size, size // 512, 1, 1, 1,
                       0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


nodes = {}


def answer(name, node, body):
    if name == "INIT":
        major, minor, ahead, _ = struct.unpack("<IIII", body[:16])
        return struct.pack("<IIIIHHIIHH", 7, min(minor, 31), ahead, 0, 12, 10,
                           1 << 17, 1, 0, 0) + bytes(28)
    if name == "LOOKUP":
        child = nodes.setdefault(body, len(nodes) + 2)
        return struct.pack("<QQQQII", child, 0, VALID, VALID, 0, 0) + \
            attributes(child)
    if name == "GETATTR":
        return struct.pack("<QII", VALID, 0, 0) + attributes(node)
    if name == "OPEN":
        return struct.pack("<QII", 7, 0, 0)
    if name == "READ":
        offset, size = struct.unpack("<QQI", body[:20])[1:]
        return bytes(min(size, max(0, SIZE - offset)))
    if name in ("RELEASE", "FLUSH"):
        return b""
    return None


def serve(fd):
    while True:
        request = os.read(fd, 1 << 18)
        _, opcode, unique, node = struct.unpack("<IIQQ", request[:24])
        name = OPCODES.get(opcode, str(opcode))
        body = request[40:]
        out = answer(name, node, body)
        # FORGET, BATCH_FORGET and INTERRUPT have no answer.
        if opcode not in (2, 36, 42):
            error = 0 if out is not None else -ENOSYS
            out = out or b""
            os.write(fd, struct.pack("<IiQ", 16 + len(out), error, unique)
                     + out)
        if name == LAST:
            return


signal.alarm(120)
device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
mount(device)
print("mounted", flush=True)
serve(device)
sys.stdin.read()
