#!/usr/bin/python3 -S
"""relay_evil WHAT ... - in the place of berth-relay: what a process that was taken over could do to berthd

It plays by the rules of src/pure/relay.h for its first connection, which gets "taken", and then does WHAT (the file beside it).
"""
import array, os, select, socket, struct, sys, time

EVENT = "=IHHiIQQQQ"
TAKE, DROP, NEWS = 1, 2, 3
TAKEN, FAILED, CONNECTED, ENDED = 1, 2, 3, 4
link = socket.socket(fileno=0)
news = -1


def order():
    data, rights, _, _ = link.recvmsg(512, 64)
    if not data:
        os._exit(0)
    fds = array.array("i")
    for _, _, d in rights:
        fds.frombytes(d)
    slot, kind = struct.unpack_from("=IH", data)
    return slot, kind, fds[0] if fds else -1


def event(slot, kind, target=0, error=0, *rest):
    return struct.pack(EVENT, slot, kind, target, error, *(rest or (0,) * 5))


def tell(*events):
    os.write(news, b"".join(events))


def first():
    global news
    while True:
        slot, kind, fd = order()
        if kind == NEWS:
            news = fd
        if kind == TAKE:
            return slot, socket.socket(fileno=fd)


def stay():
    while True:
        order()


def lingering(s):
    """Its last close(2) takes 30 s."""
    s.setblocking(False)
    try:
        while True:
            s.send(bytes(65536))
    except BlockingIOError:
        pass
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))


def linger(slot, s):
    """berthd's copy is the last."""
    lingering(s)
    s.close()
    tell(event(slot, TAKEN))


def linger_and_die(slot, s):
    lingering(s)
    os._exit(1)


def linger_in_the_link(slot, s):
    """A descriptor that berthd did not ask for."""
    try:
        link.send(b"x")
        lingering(s)
        link.sendmsg([event(slot, TAKEN)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
    except OSError:
        pass
    s.close()
    tell(event(slot, TAKEN))


def twice(slot, s):
    tell(event(slot, TAKEN), event(slot, TAKEN))


def nobody(slot, s):
    tell(event(slot, TAKEN), event(4000000000, ENDED))


def next_one(slot, s):
    tell(event(slot, TAKEN), event(slot + 1, ENDED))


def no_target(slot, s):
    tell(event(slot, TAKEN), event(slot, CONNECTED, 65535))


def no_kind(slot, s):
    tell(event(slot, TAKEN), event(slot, 77))


def untaken(slot, s):
    tell(event(slot, CONNECTED))


def flood(slot, s):
    tell(event(slot, TAKEN))
    os.set_blocking(news, True)
    while True:
        tell(*[event(slot, FAILED, 0, 111)] * 64)


def cut(slot, s):
    tell(event(slot, TAKEN) + b"x")


def much(slot, s):
    """Numbers that no connection has."""
    most = (1 << 64) - 1
    tell(event(slot, TAKEN), event(slot, CONNECTED), event(slot, ENDED, 0, -2147483648, (1 << 32) - 1, *[most] * 4))


def copied(slot, s):
    """It dies, and another goes on talking in its name."""
    tell(event(slot, TAKEN))
    if os.fork() == 0:
        os.setsid()
        for _ in range(3):
            if os.fork() == 0:
                break
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                tell(*[event(slot, FAILED, 0, 111)] * 64)
            except BlockingIOError:
                pass
            except OSError:
                break
        os._exit(0)
    time.sleep(0.3)
    os._exit(1)


with open(os.path.join(os.path.dirname(__file__), "what")) as f:
    what = f.read().strip()
globals()[what](*first())
stay()
