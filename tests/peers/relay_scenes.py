#!/usr/bin/env python3
"""relay_scenes PROGRAM DIR SCENE [ARGS] - berth-relay between a client and targets of ours

Each scene is a function.  It ends with an assertion that fails, or with nothing.
"""
import ctypes, errno, hashlib, os, select, signal, socket, struct, sys, threading, time

PROGRAM, DIR = sys.argv[1:3]
MIB = 1 << 20
BLOCK = os.urandom(MIB)
CONNECTED, FAILED = 1, 2
SYS_PIDFD_GETFD = 438
ENDS = {"TCPREMOTEIP": "192.0.2.7", "TCPREMOTEPORT": "4711", "TCPLOCALIP": "192.0.2.1", "TCPLOCALPORT": "80"}


class Listener:
    """A target, or the place where a client comes in."""

    def __init__(self, kind="tcp", backlog=8, buffer=None):
        self.socket = socket.socket(socket.AF_UNIX if kind == "unix" else
                                    socket.AF_INET6 if kind == "tcp6" else socket.AF_INET)
        self.socket.settimeout(20)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        if kind == "unix":
            self.address = f"{DIR}/s{id(self)}"
            self.name = f"unix:{self.address}"
        else:
            self.address = ("::1" if kind == "tcp6" else "127.0.0.1", 0)
        self.socket.bind(self.address)
        self.socket.listen(backlog)
        if kind != "unix":
            self.address = self.socket.getsockname()[:2]
            self.name = ("tcp:[%s]:%d" if kind == "tcp6" else "tcp:%s:%d") % self.address

    def client(self):
        s = socket.socket(self.socket.family)
        s.settimeout(20)
        s.connect(self.address)
        return s

    def accept(self):
        s = self.socket.accept()[0]
        s.settimeout(20)
        return s


def dead(kind="tcp"):
    t = Listener(kind)
    t.socket.close()
    return t.name


class Relay:
    def __init__(self, *targets, client="tcp", proxy="none", timeout=5000, status=True, env=ENDS, buffer=None):
        place = Listener(client, buffer=buffer)
        self.client = place.client()
        conn = place.accept()
        conn.setblocking(True)
        self.status, status_w = os.pipe()
        if status == "gone":
            os.close(self.status)
        self.stderr, stderr_w = os.pipe()
        names = [f"{i}={t if isinstance(t, str) else t.name}" for i, t in enumerate(targets)]
        # what is opened above 3 is close-on-exec
        high = [os.dup(fd) for fd in (conn.fileno(), stderr_w, status_w)]
        actions = [(os.POSIX_SPAWN_DUP2, high[0], 0), (os.POSIX_SPAWN_DUP2, high[0], 1),
                   (os.POSIX_SPAWN_DUP2, high[1], 2),
                   (os.POSIX_SPAWN_DUP2, high[2], 3) if status else (os.POSIX_SPAWN_CLOSE, 3)]
        if not status:
            actions.insert(0, (os.POSIX_SPAWN_DUP2, high[2], 3))
        self.pid = os.posix_spawn(PROGRAM, ["berth-relay", str(timeout), proxy, *names], env, file_actions=actions,
                                  setsigdef=[signal.SIGPIPE])
        for fd in high + [status_w, stderr_w]:
            os.close(fd)
        conn.close()
        place.socket.close()

    def said(self):
        """Everything on stderr, to its end."""
        return b"".join(iter(lambda: os.read(self.stderr, 65536), b"")).decode()

    def events(self):
        """Every status record, to the end of descriptor 3."""
        all = b"".join(iter(lambda: os.read(self.status, 64), b""))
        assert len(all) % 8 == 0
        return list(struct.iter_unpack("=HHi", all))

    def ended(self, want=0):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                got = os.waitstatus_to_exitcode(status)
                assert got == want, f"exit status {got}, want {want}"
                return
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("still there")

    def runs(self):
        assert os.waitpid(self.pid, os.WNOHANG)[0] == 0, "has ended"

    def cpu_ns(self):
        with open(f"/proc/{self.pid}/schedstat") as f:
            return int(f.read().split()[0])

    def is_idle(self):
        """It comes to rest, and then costs nothing for half a second."""
        time.sleep(0.2)
        self.runs()
        before = self.cpu_ns()
        time.sleep(0.5)
        cost = self.cpu_ns() - before
        self.runs()
        assert cost < 1000000, f"{cost} ns of CPU in half a second"


def opened(kind="tcp", **options):
    """A relay, its client's socket and its target's."""
    t = Listener(kind, buffer=options.get("buffer"))
    r = Relay(t, **options)
    return r, r.client, t.accept()


def send_all(s, mib, end=True):
    h = hashlib.sha256()
    for i in range(mib):
        s.sendall(BLOCK)
        s.sendall(b"%8d" % i)
        h.update(BLOCK)
        h.update(b"%8d" % i)
    if end:
        s.shutdown(socket.SHUT_WR)
    return h.hexdigest()


def read_all(s, pause=0.0, size=MIB):
    h, buf = hashlib.sha256(), bytearray(size)
    while n := s.recv_into(buf):
        h.update(memoryview(buf)[:n])
        time.sleep(pause)
    return h.hexdigest()


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        assert more, f"end after {data!r}"
        data += more
    return data


def together(**calls):
    """Each in a thread of its own; their results by name."""
    out = {}

    def one(name, f):
        out[name] = f()
    threads = [threading.Thread(target=one, args=c, daemon=True) for c in calls.items()]
    for t in threads:
        t.start()
    for t in threads:
        t.join(50)
    assert len(out) == len(calls), f"only {list(out)} came to an end"
    return out


def is_reset(s):
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        return
    raise AssertionError("an end, not a reset")


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def stuff(s):
    """Write until nothing more goes for a while."""
    s.setblocking(False)
    sent = 0
    while select.select([], [s], [], 0.3)[1]:
        try:
            sent += s.send(BLOCK)
        except BlockingIOError:
            pass
    s.settimeout(20)
    return sent


# ---- scenes ----

def bulk(mib="256", client="tcp", target="tcp"):
    r, c, t = opened(target, client=client)
    out = together(cs=lambda: send_all(c, int(mib)), tr=lambda: read_all(t),
                   ts=lambda: send_all(t, int(mib)), cr=lambda: read_all(c))
    assert out["cs"] == out["tr"] and out["ts"] == out["cr"], out
    r.ended()


def half_close_client():
    r, c, t = opened()
    c.sendall(b"question")
    c.shutdown(socket.SHUT_WR)
    assert read_exactly(t, 8) == b"question" and t.recv(1) == b""
    out = together(ts=lambda: send_all(t, 8), cr=lambda: read_all(c))
    assert out["ts"] == out["cr"]
    r.ended()


def half_close_target():
    r, c, t = opened()
    t.sendall(b"greeting")
    t.shutdown(socket.SHUT_WR)
    assert read_exactly(c, 8) == b"greeting" and c.recv(1) == b""
    out = together(cs=lambda: send_all(c, 8), tr=lambda: read_all(t))
    assert out["cs"] == out["tr"]
    r.ended()


def next_target():
    alive = Listener("tcp6")
    r = Relay(dead(), dead("unix"), f"unix:{DIR}/none", alive)
    t = alive.accept()
    r.client.sendall(b"hello")
    assert read_exactly(t, 5) == b"hello"
    # descriptor 3 has ended although the connection has not
    assert r.events() == [(FAILED, 0, errno.ECONNREFUSED), (FAILED, 1, errno.ECONNREFUSED),
                          (FAILED, 2, errno.ENOENT), (CONNECTED, 3, 0)]
    r.runs()
    t.close()
    r.client.close()
    r.ended()
    assert r.said() == ""


def all_dead():
    a, b = dead(), dead("unix")
    r = Relay(a, b)
    assert r.client.recv(1) == b""
    r.ended(69)
    assert r.said() == f"no target answers: {a}: Connection refused; {b}: Connection refused\n"
    assert r.events() == [(FAILED, 0, errno.ECONNREFUSED), (FAILED, 1, errno.ECONNREFUSED)]


def connect_timeout(kind):
    full, alive = Listener(kind, backlog=0), Listener()
    waiting = []
    for _ in range(4):
        s = socket.socket(full.socket.family)
        s.setblocking(False)
        s.connect_ex(full.address)
        waiting.append(s)
    time.sleep(0.1)
    start = time.monotonic()
    r = Relay(full, alive, timeout=400)
    alive.accept()
    took = time.monotonic() - start
    assert 0.35 < took < 3, took
    assert r.events() == [(FAILED, 0, errno.ETIMEDOUT), (CONNECTED, 1, 0)]
    r.client.close()
    r.ended()


def proxy(version, client="tcp"):
    r, c, t = opened(client=client, proxy=version, env=ENDS if client == "tcp" else {})
    c.sendall(b"payload")
    c.shutdown(socket.SHUT_WR)
    t.shutdown(socket.SHUT_WR)
    got = b"".join(iter(lambda: t.recv(4096), b""))
    v2 = b"\r\n\r\n\0\r\nQUIT\n\x21"
    want = {("v1", "tcp"): b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n", ("v1", "unix"): b"PROXY UNKNOWN\r\n",
            ("v2", "tcp"): v2 + b"\x11\0\x0c\xc0\0\2\7\xc0\0\2\1\x12\x67\0\x50", ("v2", "unix"): v2 + b"\0\0\0"}
    assert got == want[version, client] + b"payload", got
    r.ended()


def reset_by_client(how="open"):
    r, c, t = opened()
    c.sendall(b"x")
    read_exactly(t, 1)
    if how == "half_closed":
        c.shutdown(socket.SHUT_WR)
        assert t.recv(1) == b""
        r.is_idle()
    if how == "unread":
        stuff(t)
        r.is_idle()
    reset(c)
    if how == "open":
        is_reset(t)
    else:
        time.sleep(0.2)
        assert t.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (errno.ECONNRESET, errno.EPIPE)
    r.ended()


def reset_by_target():
    r, c, t = opened()
    c.sendall(b"x")
    read_exactly(t, 1)
    reset(t)
    is_reset(c)
    r.ended()


def slow_reader():
    r, c, t = opened(buffer=16384)
    out = together(ts=lambda: send_all(t, 8), cr=lambda: read_all(c, 0.001, 16384))
    assert out["ts"] == out["cr"]
    out = together(cs=lambda: send_all(c, 8), tr=lambda: read_all(t, 0.001, 16384))
    assert out["cs"] == out["tr"]
    r.ended()


def one_way_blocked():
    """A client that does not read holds up only what goes to it."""
    r, c, t = opened()
    sent = stuff(t)
    assert sent > 100000
    out = together(cs=lambda: send_all(c, 64), tr=lambda: read_all(t))
    assert out["cs"] == out["tr"]
    r.is_idle()
    t.shutdown(socket.SHUT_WR)
    got = 0
    while n := len(c.recv(MIB)):
        got += n
    assert got == sent, (got, sent)
    r.ended()


def unix_client_leaves():
    """What a unix client sent before it closed arrives, also at a target that reads late."""
    r, c, t = opened(client="unix", buffer=65536)
    sent = stuff(c)
    c.close()
    r.is_idle()
    assert sum(iter(lambda: len(t.recv(65536)), 0)) == sent
    r.is_idle()
    t.sendall(b"too late")
    r.ended()


def urgent():
    r, c, t = opened()
    c.sendall(b"one")
    c.send(b"!", socket.MSG_OOB)
    c.sendall(b"two")
    assert read_exactly(t, 7) == b"one!two"
    t.send(b"?", socket.MSG_OOB)
    assert read_exactly(c, 1) == b"?"
    r.is_idle()
    c.send(b"#", socket.MSG_OOB)
    c.shutdown(socket.SHUT_WR)
    assert read_exactly(t, 1) == b"#" and t.recv(1) == b""
    t.close()
    r.ended()


def idle():
    r, c, t = opened()
    r.is_idle()
    c.shutdown(socket.SHUT_WR)
    assert t.recv(1) == b""
    r.is_idle()
    t.close()
    r.ended()
    r, c, t = opened()
    t.shutdown(socket.SHUT_WR)
    assert c.recv(1) == b""
    r.is_idle()
    t.close()
    r.is_idle()
    stuffed = select.select([c], [], [], 0)[0]
    assert stuffed
    c.close()
    r.ended()


def idle_when_full():
    r, c, t = opened()
    stuff(c)
    r.is_idle()
    stuff(t)
    r.is_idle()
    reset(c)
    r.ended()


def idle_when_unix_peers_leave():
    r, c, t = opened(client="unix")
    c.close()
    assert t.recv(1) == b""
    r.is_idle()
    t.close()
    r.ended()
    r, c, t = opened("unix")
    t.close()
    assert c.recv(1) == b""
    r.is_idle()
    c.close()
    r.ended()


def nobody_listens():
    """Descriptor 3 is closed, or nobody reads it."""
    r, c, t = opened(status=False)
    assert r.events() == []
    c.sendall(b"x")
    read_exactly(t, 1)
    c.close()
    t.close()
    r.ended()
    alive = Listener("unix")
    r = Relay(dead(), alive, status="gone")
    alive.accept().close()
    r.client.close()
    r.ended()


def little():
    """What it holds while it relays."""
    r, c, t = opened()
    c.sendall(b"x")
    read_exactly(t, 1)
    r.events()
    fds = sorted(os.readlink(f"/proc/{r.pid}/fd/{n}").split(":")[0] for n in os.listdir(f"/proc/{r.pid}/fd"))
    assert fds == ["pipe"] * 5 + ["socket"] * 2, fds
    with open(f"/proc/{r.pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    assert status["NoNewPrivs"].strip() == "1"
    print("VmRSS", status["VmRSS"].strip(), "RssAnon", status["RssAnon"].strip())
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(r.pid)
    sockets = [socket.socket(fileno=libc.syscall(SYS_PIDFD_GETFD, pidfd, int(n), 0))
               for n in os.listdir(f"/proc/{r.pid}/fd") if os.readlink(f"/proc/{r.pid}/fd/{n}").startswith("socket")]
    own = next(s for s in sockets if s.getpeername() == t.getsockname())
    assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    for s in sockets:
        s.close()
    c.close()
    t.close()
    r.ended()


def command_lines():
    good = "0=tcp:127.0.0.1:1"
    for args in ([], ["100", "none"], ["0", "none", good], ["x", "none", good], ["1x", "none", good],
                 ["-1", "none", good], ["100", "v3", good], ["100", "none", "tcp:127.0.0.1:1"]):
        pid = os.posix_spawn(PROGRAM, ["berth-relay", *args], {}, file_actions=[(os.POSIX_SPAWN_CLOSE, 3)])
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 64, args


if __name__ == "__main__":
    os.closerange(3, 256)
    globals()[sys.argv[3]](*sys.argv[4:])
