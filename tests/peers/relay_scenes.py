#!/usr/bin/env python3
"""relay_scenes PROGRAM DIR SCENE [ARGS] - berth-relay between a client and targets of ours

Each scene is a function.  It ends with an assertion that fails, or with nothing.
"""
import array, ctypes, errno, hashlib, os, resource, select, signal, socket, struct, subprocess, sys, threading, time

PROGRAM, DIR = sys.argv[1:3]
MIB = 1 << 20
BLOCK = os.urandom(MIB)
TAKE, DROP, NEWS = 1, 2, 3
TAKEN, FAILED, CONNECTED, ENDED = 1, 2, 3, 4
ORDER = "=IHH64HH107s3x"
EVENT = "=IHHiIQQQQ"
SYS_PIDFD_GETFD = 438
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n"


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


class Worker:
    """A relay process, and what berthd would be to it."""

    def __init__(self, *targets, timeout=5000):
        self.targets = len(targets)
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.settimeout(20)
        names = [t if isinstance(t, str) else t.name for t in targets]
        self.pid = os.posix_spawn(PROGRAM, ["berth-relay", str(timeout), *names], {}, setsigdef=[signal.SIGPIPE],
                                  file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), n) for n in (0, 1)])
        theirs.close()
        self.link.shutdown(socket.SHUT_RD)
        self.news, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.order(NEWS, 0, theirs)
        os.close(theirs)
        self.came = {}

    def order(self, kind, slot, fd=None, header=b""):
        targets = list(range(self.targets)) + [0] * (64 - self.targets)
        text = struct.pack(ORDER, slot, kind, self.targets, *targets, len(header), header)
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.link.sendmsg([text], rights)

    def hear(self):
        assert select.select([self.news], [], [], 20)[0], "says nothing"
        packet = os.read(self.news, 64 * struct.calcsize(EVENT))
        assert packet and len(packet) % struct.calcsize(EVENT) == 0
        for slot, kind, target, error, *rest in struct.iter_unpack(EVENT, packet):
            self.came.setdefault(slot, []).append((kind, target, error, *rest))

    def until(self, slot, kind):
        """What it has said of a connection, up to the first of this kind."""
        while not any(e[0] == kind for e in self.came.get(slot, [])):
            self.hear()
        return self.came[slot]

    def says_nothing(self, slot):
        while select.select([self.news], [], [], 0)[0]:
            self.hear()
        assert not any(e[0] == ENDED for e in self.came[slot]), "has ended"

    def leave(self):
        if self.news >= 0:
            self.link.close()
            os.close(self.news)
        self.news = -1

    def exited(self, want=0):
        """It ends by itself, some time after its link has."""
        self.leave()
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

    def files(self):
        return sorted(os.readlink(f"/proc/{self.pid}/fd/{n}").split(":")[0] for n in os.listdir(f"/proc/{self.pid}/fd"))


class Relay:
    """One connection, over a process of its own or of others too."""

    def __init__(self, *targets, client="tcp", header=b"", timeout=5000, buffer=None, worker=None, slot=0):
        place = Listener(client, buffer=buffer)
        self.client = place.client()
        conn = place.accept()
        conn.setblocking(True)
        self.worker = worker or Worker(*targets, timeout=timeout)
        self.slot = slot
        self.worker.order(TAKE, slot, conn.fileno(), header)
        conn.close()
        place.socket.close()

    def events(self):
        """What became of its targets, until one of them has answered."""
        self.worker.until(self.slot, CONNECTED)
        return [e[:3] for e in self.worker.came[self.slot]]

    def ended(self, want=0, alone=True):
        last = self.worker.until(self.slot, ENDED)[-1]
        assert last[2] == want, f"status {last[2]}, want {want}"
        if alone:
            self.worker.exited()
        return last

    def runs(self):
        self.worker.runs()
        self.worker.says_nothing(self.slot)

    def is_idle(self):
        """It comes to rest, and then costs nothing for half a second."""
        time.sleep(0.2)
        self.runs()
        before = self.worker.cpu_ns()
        time.sleep(0.5)
        cost = self.worker.cpu_ns() - before
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
    assert r.events() == [(TAKEN, 0, 0), (FAILED, 0, errno.ECONNREFUSED), (FAILED, 1, errno.ECONNREFUSED),
                          (FAILED, 2, errno.ENOENT), (CONNECTED, 3, 0)]
    r.runs()
    t.close()
    r.client.close()
    r.ended()


def all_dead():
    a, b = dead(), dead("unix")
    r = Relay(a, b)
    assert r.client.recv(1) == b""
    r.ended(69)
    assert [e[:3] for e in r.worker.came[0]] == [(TAKEN, 0, 0), (FAILED, 0, errno.ECONNREFUSED),
                                                 (FAILED, 1, errno.ECONNREFUSED), (ENDED, 0, 69)]


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
    assert r.events() == [(TAKEN, 0, 0), (FAILED, 0, errno.ETIMEDOUT), (CONNECTED, 1, 0)]
    r.client.close()
    r.ended()


def header():
    """Goes before the client's bytes, and is not counted."""
    for text in (HEADER, b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0", bytes(107)):
        r, c, t = opened(header=text)
        c.sendall(b"payload")
        c.shutdown(socket.SHUT_WR)
        t.sendall(b"answer")
        t.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: t.recv(4096), b"")) == text + b"payload"
        assert r.ended()[4:6] == (7, 6)


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


def berthd_leaves():
    """What was taken is carried on, and what lies in the link is taken; then it ends."""
    t = Listener()
    r = Relay(t)
    one = t.accept()
    os.kill(r.worker.pid, signal.SIGSTOP)
    late = Relay(worker=r.worker, slot=1)
    r.worker.leave()
    os.kill(r.worker.pid, signal.SIGCONT)
    two = t.accept()
    for c, t in ((r.client, one), (late.client, two)):
        c.sendall(b"x")
        assert read_exactly(t, 1) == b"x"
        r.worker.runs()
        c.close()
        t.close()
    r.worker.exited()


def taken_together(kind):
    """Several orders in one turn, and targets that answer in connect(2): nobody waits for another's bytes."""
    t = Listener(kind, backlog=64)
    w = Worker(t)
    os.kill(w.pid, signal.SIGSTOP)
    relays = [Relay(t, worker=w, slot=n) for n in range(8)]
    os.kill(w.pid, signal.SIGCONT)
    for r in relays:
        assert r.events() == [(TAKEN, 0, 0), (CONNECTED, 0, 0)]
    for r in relays:
        r.client.close()
        t.accept().close()
        r.ended(alone=False)
    w.exited()


def berthd_is_slow():
    """Nothing is done with a connection before berthd could have heard that it was taken."""
    t = Listener("unix", backlog=4096)
    w = Worker(t)
    place = Listener("unix", backlog=4096)
    n = 4000
    w.link.setblocking(False)
    clients, sent = [], 0
    for slot in range(n):
        c = place.client()
        c.sendall(b"x")
        conn = place.accept()
        try:
            w.order(TAKE, slot, conn.fileno())
        except BlockingIOError:
            select.select([], [w.link], [], 0.3)
            try:
                w.order(TAKE, slot, conn.fileno())
            except BlockingIOError:
                c.close()
                conn.close()
                break
        clients.append(c)
        conn.close()
        sent += 1
    assert 100 < sent < n, f"{sent} orders were taken unheard"
    # it is stuck: as many as could not be told of have reached no target
    t.socket.settimeout(0.5)
    reached = 0
    try:
        while True:
            t.socket.accept()[0].close()
            reached += 1
    except TimeoutError:
        pass
    assert reached < sent, "all were connected"
    os.kill(w.pid, signal.SIGKILL)
    try:
        while True:
            w.hear()
    except AssertionError:
        pass  # the end
    taken = sum(events[0][0] == TAKEN for events in w.came.values())
    assert reached <= taken < sent, (reached, taken, sent)
    os.waitpid(w.pid, 0)


def many():
    """Connections of one process do not know of each other."""
    t = Listener()
    w = Worker(t)
    r = [Relay(worker=w, slot=n) for n in range(4)]
    ends = [(r[0].client, t.accept())] + [(x.client, t.accept()) for x in r[1:]]
    # accepted in the order of their orders
    stuff(ends[0][1])
    w.order(DROP, 1)
    assert ends[1][0].recv(1) == b"" and ends[1][1].recv(1) == b""
    assert r[1].ended(alone=False)[4:6] == (0, 0)
    reset(ends[2][0])
    is_reset(ends[2][1])
    r[2].ended(alone=False)
    # a number is used again, and one that names nothing is nothing
    w.came.clear()
    w.order(DROP, 7)
    w.order(DROP, 4000000)
    r[1] = Relay(worker=w, slot=1)
    ends[1] = (r[1].client, t.accept())
    out = together(cs=lambda: send_all(ends[1][0], 16), tr=lambda: read_all(ends[1][1]),
                   ts=lambda: send_all(ends[3][1], 16), cr=lambda: read_all(ends[3][0]))
    assert out["cs"] == out["tr"] and out["ts"] == out["cr"]
    ends[1][1].close()
    end = r[1].ended(alone=False)
    assert end[4:6] == (16 * (MIB + 8), 0) and end[6] + end[7] > 0
    assert end[3] > 100, "it takes some memory"
    for c, s in (ends[0], ends[3]):
        c.close()
        s.close()
    r[3].ended(alone=False)
    r[0].ended()


def little():
    """What it holds while nothing moves: two descriptors a connection."""
    t = Listener()
    r = Relay(t)
    ends = [(r.client, t.accept())]
    for slot in range(1, 10):
        ends.append((Relay(worker=r.worker, slot=slot).client, t.accept()))
    for c, s in ends:
        c.sendall(b"x")
        read_exactly(s, 1)
        s.sendall(b"y")
        read_exactly(c, 1)
    r.runs()
    files = r.worker.files()
    assert files.count("socket") == 1 + 2 * 10, files
    assert files.count("pipe") - len([n for n in (2,) if os.readlink(f"/proc/{r.worker.pid}/fd/{n}")
                                      .startswith("pipe")]) <= 1 + 4, files
    with open(f"/proc/{r.worker.pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    assert status["NoNewPrivs"].strip() == "1"
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(r.worker.pid)
    fds = [int(n) for n in os.listdir(f"/proc/{r.worker.pid}/fd")
           if os.readlink(f"/proc/{r.worker.pid}/fd/{n}").startswith("socket")]
    sockets = [socket.socket(fileno=libc.syscall(SYS_PIDFD_GETFD, pidfd, n, 0)) for n in fds if n != 0]
    own = next(s for s in sockets if s.getpeername() == ends[0][1].getsockname())
    assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    for s in sockets:
        s.close()
    for c, s in ends:
        c.close()
        s.close()
    r.ended()


def no_descriptors():
    """Who cannot be taken ends with status 71, and the others go on."""
    t = Listener()
    r = Relay(t)
    s = t.accept()
    r.client.sendall(b"x")
    read_exactly(s, 1)
    resource.prlimit(r.worker.pid, resource.RLIMIT_NOFILE, (4, 4))
    late = Relay(worker=r.worker, slot=1)
    assert late.ended(71, alone=False)[:3] == (ENDED, 0, 71)
    assert [e[0] for e in r.worker.came[1]] == [ENDED]
    r.client.sendall(b"y")
    assert read_exactly(s, 1) == b"y"
    s.close()
    r.client.close()
    r.ended()


def unwatched():
    """Who cannot be watched (epoll(7), max_user_watches) ends alone."""
    t = Listener()
    r = Relay(t)
    s = t.accept()
    r.events()
    tracer = subprocess.Popen(["strace", "-o", "/dev/null", "-e", "trace=epoll_ctl", "-e", "inject=epoll_ctl:error=ENOSPC",
                               "-p", str(r.worker.pid)], stderr=subprocess.PIPE)
    assert b"attached" in tracer.stderr.readline()
    late = Relay(worker=r.worker, slot=1)
    assert late.ended(69, alone=False)[:3] == (ENDED, 0, 69)
    assert (FAILED, 0, errno.ENOSPC) in [e[:3] for e in r.worker.came[1]]
    tracer.terminate()
    tracer.wait()
    r.client.sendall(b"y")
    assert read_exactly(s, 1) == b"y"
    s.close()
    r.client.close()
    r.ended()


def command_lines():
    good = "tcp:127.0.0.1:1"
    for args in ([], ["100"], ["0", good], ["x", good], ["1x", good], ["-1", good], ["100", "0=" + good],
                 ["100", *[good] * 65], ["100", good, "tcp:localhost:1"]):
        pid = os.posix_spawn(PROGRAM, ["berth-relay", *args], {}, file_actions=[(os.POSIX_SPAWN_CLOSE, 3)])
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 64, args


if __name__ == "__main__":
    os.closerange(3, 256)
    globals()[sys.argv[3]](*sys.argv[4:])
