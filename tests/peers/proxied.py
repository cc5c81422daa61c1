#!/usr/bin/env python3
"""proxied [-n COUNT] [--source ADDR] [--stay] [--pause SECONDS] [--timeout SECONDS] tcp:HOST:PORT|unix:PATH STEP...

A proxy, or one that says so: COUNT connections, each STEP on all of them.  A step is one segment: parts with "+" between
them.  Parts:
	t,TEXT                  as printf(1) has it, with \\r \\n \\xHH
	v1,SRC,PORT,DST,PORT    a PROXY line; v1 alone: UNKNOWN
	v2,SRC,PORT,DST,PORT    binary, with a TLV; v2 alone: LOCAL
	z,COUNT                 so many zeros
	~PART                   byte by byte, each a segment; --pause between segments
or, as a step of its own: w,SECONDS (nothing happens), go (prints "ready", waits for a line on stdin), end (half-close).
Then it half-closes (--stay: not), and reads to the end.  One connection: prints what came; exit status 0 end, 3 reset,
4 timeout, as dial.  More: {"ok":N,"reset":N,"timeout":N} and the distinct answers, sorted.
"""
import argparse, json, resource, socket, struct, sys, time


def two(a):
    return socket.AF_INET6 if ":" in a else socket.AF_INET


def header(words):
    version, rest = words[0], words[1:]
    if not rest:
        return b"PROXY UNKNOWN\r\n" if version == "v1" else b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"
    src, sport, dst, dport = rest
    six = two(src) == socket.AF_INET6
    if version == "v1":
        return f"PROXY TCP{6 if six else 4} {src} {dst} {sport} {dport}\r\n".encode()
    block = socket.inet_pton(two(src), src) + socket.inet_pton(two(dst), dst)
    block += struct.pack("!HH", int(sport), int(dport)) + b"\x04\x00\x03abc"
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x21 if six else 0x11, len(block)) + block


def part(text):
    word, _, rest = text.partition(",")
    if word == "t":
        return rest.encode().decode("unicode_escape").encode("latin-1")
    if word == "z":
        return bytes(int(rest))
    if word in ("v1", "v2"):
        return header(text.split(","))
    sys.exit(f"proxied: what is {text}?")


def segments(step):
    """The segments of one step."""
    done = [b""]
    for p in step.split("+"):
        if p.startswith("~"):
            done += [bytes([c]) for c in part(p[1:])] + [b""]
        else:
            done[-1] += part(p)
    return [d for d in done if d]


def connect(where, source):
    kind, _, rest = where.partition(":")
    if kind == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.connect(rest)
        return s
    host, _, port = rest.rpartition(":")
    host = host.strip("[]")
    s = socket.socket(two(host))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        s.bind((source, 0))
    s.connect((host, int(port)))
    return s


were_reset = set()      # seen while sending: the error is told once


def transmit(s, data):
    try:
        s.sendall(data)
    except OSError:
        were_reset.add(s)


def read_all(s, timeout, tell):
    got, end = b"", time.monotonic() + timeout
    try:
        while True:
            s.settimeout(max(0.001, end - time.monotonic()))
            more = s.recv(65536)
            if not more:
                return 3 if s in were_reset else 0, got
            got += more
            if tell:
                sys.stdout.buffer.write(more)
                sys.stdout.flush()
    except socket.timeout:
        return 4, got
    except OSError:
        return 3, got


def half_close(s):
    try:
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-n", type=int, default=1)
    p.add_argument("--source")
    p.add_argument("--stay", action="store_true")
    p.add_argument("--timeout", type=float, default=15)
    p.add_argument("--pause", type=float, default=0.002)
    p.add_argument("where")
    p.add_argument("step", nargs="*")
    a = p.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    socks = [connect(a.where, a.source) for _ in range(a.n)]
    for step in a.step:
        if step == "go":
            print("ready", flush=True)
            sys.stdin.readline()
        elif step == "end":
            for s in socks:
                half_close(s)
        elif step.startswith("w,"):
            time.sleep(float(step[2:]))
        else:
            for data in segments(step):
                if len(were_reset) == len(socks):
                    break
                for s in socks:
                    transmit(s, data)
                time.sleep(a.pause)     # a segment by itself
    if not a.stay:
        for s in socks:
            half_close(s)
    results = [read_all(s, a.timeout, a.n == 1) for s in socks]
    if a.n == 1:
        sys.exit(results[0][0])
    how = [status for status, _ in results]
    answers = sorted({got.decode("latin-1") for _, got in results})
    print(json.dumps({"ok": how.count(0), "reset": how.count(3), "timeout": how.count(4), "answers": answers}))


main()
