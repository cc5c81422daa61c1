#!/usr/bin/env python3
"""target NAME PORT|unix:PATH [echo|name|bulk MIB]

What a relay carries connections to.  Prints its port (0: the kernel's choice) when it listens.  echo: all that comes; name:
its name first, then all that comes; bulk: MIB of its own while it takes what comes, then the digest of that.

target bulk-client tcp:HOST:PORT MIB: the other side of bulk; exit status 0 when all arrived as it was each way
"""
import hashlib, os, socket, sys, threading

MIB = 1 << 20


def block(seed):
    return hashlib.shake_128(seed).digest(MIB)


def pour(s, seed, mib):
    b = bytearray(block(seed))
    for i in range(mib):
        b[:8] = i.to_bytes(8, "big")
        s.sendall(b)


def expected(seed, mib):
    h, b = hashlib.sha1(), bytearray(block(seed))
    for i in range(mib):
        b[:8] = i.to_bytes(8, "big")
        h.update(b)
    return h.hexdigest()


def drain(s, h, count=None):
    """Digest of what comes, up to count bytes; the rest."""
    buf, left = bytearray(MIB), count
    while left is None or left > 0:
        n = s.recv_into(buf, MIB if left is None else min(MIB, left))
        if n == 0:
            break
        h.update(memoryview(buf)[:n])
        left = None if left is None else left - n
    return h.hexdigest()


def serve(s, name, mode, mib):
    try:
        if mode == "bulk":
            t = threading.Thread(target=pour, args=(s, b"target", mib))
            t.start()
            digest = drain(s, hashlib.sha1())
            t.join()
            s.sendall(digest.encode())
        else:
            if mode == "name":
                s.sendall(name.encode() + b"\n")
            while more := s.recv(65536):
                s.sendall(more)
    except OSError:
        pass
    s.close()


def bulk_client(where, mib):
    host, port = where.removeprefix("tcp:").rsplit(":", 1)
    s = socket.create_connection((host, int(port)), 10)
    s.settimeout(50)
    t = threading.Thread(target=lambda: (pour(s, b"client", mib), s.shutdown(socket.SHUT_WR)))
    t.start()
    got = drain(s, hashlib.sha1(), mib * MIB)
    t.join()
    said = b""
    while more := s.recv(100):
        said += more
    if got != expected(b"target", mib):
        sys.exit("what came from the target differs")
    if said.decode() != expected(b"client", mib):
        sys.exit("what the target got differs")


if sys.argv[1] == "bulk-client":
    bulk_client(sys.argv[2], int(sys.argv[3]))
    sys.exit()
name, where, mode = sys.argv[1], sys.argv[2], (sys.argv[3:] or ["name"])[0]
if where.startswith("unix:"):
    l = socket.socket(socket.AF_UNIX)
    l.bind(where[5:])
    os.chmod(where[5:], 0o666)
else:
    l = socket.socket()
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    l.bind(("127.0.0.1", int(where)))
l.listen(512)
print(where if where.startswith("unix:") else l.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(l.accept()[0], name, mode, int((sys.argv[4:] or [0])[0])), daemon=True).start()
