# shellcheck shell=bash disable=SC2154 # variables of tests/lib/berth.bash
# The built-in services, as berthd's child runs them: one process with the connection on 0 and 1.
load ../lib/berth

# what every script below begins with
prelude() {
	cat <<'PY'
import array, os, select, signal, socket, struct, subprocess, sys, time
program, world = sys.argv[1:3]
procs = []

def serve(sock, *args, keep=(), out=None):
    """a child as berthd makes it: sock on 0 and 1, the log on 2"""
    err = open(world + '/stderr', 'ab')
    p = subprocess.Popen([program, *args], stdin=sock, stdout=sock, stderr=err, pass_fds=keep)
    procs.append(p)
    return p

def log():
    return open(world + '/stderr').read()

def stream(*args, family=socket.AF_INET, size=None, keep=()):
    """a client's connection, and the process that serves it"""
    listener = socket.socket(family)
    if size:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    if family == socket.AF_UNIX:
        listener.bind(world + '/listener')
    else:
        listener.bind(('127.0.0.1', 0))
    listener.listen(1)
    client = socket.socket(family)
    client.settimeout(10)
    client.connect(listener.getsockname())
    server, _ = listener.accept()
    listener.close()
    p = serve(server, *args, keep=keep)
    server.close()
    return client, p

def datagram(*args, host='127.0.0.1'):
    """a service's socket, its process"""
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((host, 0))
    return s, serve(s, *args)

def asker(host='127.0.0.1', port=0):
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, port))
    s.settimeout(10)
    return s

def ask(s, to, what):
    s.sendto(what, to)
    answer, source = s.recvfrom(70000)
    assert source[:2] == to[:2], (source, to)
    return answer

def to_end(c):
    got = b''
    while True:
        more = c.recv(65536)
        if not more:
            return got
        got += more

def ended(p, status=0, seconds=10):
    assert p.wait(seconds) == status, p.returncode

def cpu(p):
    return sum(int(x) for x in open(f'/proc/{p.pid}/stat').read().rpartition(')')[2].split()[11:13])

def silent(s, seconds=0.3):
    assert not select.select([s], [], [], seconds)[0], s.recv(1000)
PY
}

# script <<PY: run it with the prelude; an assertion that fails fails the test
script() {
	local status=0
	{ prelude; cat; echo 'for p in procs: p.poll() is None and p.kill()'; } >"$T/script.py"
	: >"$T/stderr"
	timeout 50 python3 "$T/script.py" "$PEERS/builtin" "$T" 3>&- 4>&- || status=$?
	((status == 0)) || { cat "$T/stderr" >&2; return 1; }
}

# ---- connections ----

@test "echo returns every byte, and what is pending after the client's half-close" {
	script <<'PY'
import threading
for size in None, 4096:
    c, p = stream('echo', size=size)
    c.sendall(b'one\0two')
    assert c.recv(100) == b'one\0two'
    data = os.urandom(1 << 20) * 4
    def send():
        c.sendall(data)
        c.shutdown(socket.SHUT_WR)
    t = threading.Thread(target=send)
    t.start()
    time.sleep(0.1)
    assert to_end(c) == data
    t.join()
    ended(p)
PY
}

@test "echo, discard and chargen end with 0 when the client resets" {
	script <<'PY'
for name in 'echo', 'discard', 'chargen':
    c, p = stream(name)
    c.sendall(b'x' * 100000)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
    ended(p)
assert log() == '', log()
PY
}

@test "echo is ended by no SIGPIPE" {
	script <<'PY'
a, b = socket.socketpair()
a.sendall(b'x' * 100)
a.close()
p = serve(b, 'echo')
b.close()
ended(p)
PY
}

@test "discard reads to the end and answers nothing" {
	script <<'PY'
c, p = stream('discard')
c.sendall(b'x' * (8 << 20))
silent(c)
c.shutdown(socket.SHUT_WR)
assert to_end(c) == b''
ended(p)
PY
}

@test "chargen sends the ring of 95 lines, over and over" {
	script <<'PY'
ring = bytes(range(32, 127)) * 2
lines = b''.join(ring[k:k + 72] + b'\r\n' for k in range(95))
for family in socket.AF_INET, socket.AF_UNIX:
    c, p = stream('chargen', family=family)
    got = b''
    while len(got) < 4 * len(lines):
        got += c.recv(65536)
    assert got == (lines * (len(got) // len(lines) + 1))[:len(got)]
    c.close()
    ended(p)
PY
}

@test "chargen ignores input and its end, waits without spinning, and ends with the client" {
	script <<'PY'
c, p = stream('chargen', size=4096)
c.sendall(b'x' * (4 << 20))	# is read although nothing is taken
time.sleep(0.3)
before = cpu(p)
time.sleep(0.5)
assert cpu(p) - before <= 5, 'it spins'
c.shutdown(socket.SHUT_WR)
time.sleep(0.3)
before = cpu(p)
time.sleep(0.5)
assert cpu(p) - before <= 5, 'it spins after the end of input'
got = 0
while got < 1 << 20:
    got += len(c.recv(65536))
assert p.poll() is None
c.close()
ended(p)
PY
}

@test "daytime sends one line of local time, as ctime makes it" {
	script <<'PY'
for zone in 'UTC0', 'XXX-5:30':
    os.environ['TZ'] = zone
    time.tzset()
    before = int(time.time())
    c, p = stream('daytime')
    got = to_end(c)
    c.close()
    ended(p)
    assert got.decode() in [time.ctime(t) + '\r\n' for t in range(before, int(time.time()) + 1)], got
    assert len(got) == 26
PY
}

@test "time sends seconds since 1900, big-endian" {
	script <<'PY'
before = int(time.time())
c, p = stream('time')
got = to_end(c)
assert len(got) == 4
assert before <= (struct.unpack('!I', got)[0] - 2208988800) % 2**32 <= time.time()
c.close()
ended(p)
PY
}

@test "what the client sent unasked does not reset the answer away" {
	script <<'PY'
for name in 'daytime', 'time':
    c, p = stream(name)
    c.sendall(b'x' * 100000)
    time.sleep(0.2)
    c.sendall(b'y' * 100000)
    assert len(to_end(c)) == (26 if name == 'daytime' else 4)
    c.close()
    ended(p)
PY
}

@test "a client that stays after daytime's answer, silent or sending without pause, holds it for 2 s" {
	script <<'PY'
start = time.monotonic()
c, p = stream('daytime')
d, q = stream('daytime')
to_end(c)
assert time.monotonic() - start < 1
try:
    while time.monotonic() - start < 5:
        d.sendall(b'x' * 1000)
except OSError:
    pass
assert 1.5 < time.monotonic() - start < 4.5
ended(p, 0, 3)
ended(q, 0, 3)
PY
}

@test "busybox nc gets an answer from each" {
	requires program busybox
	script <<'PY'
for name, want in ('daytime', 26), ('time', 4), ('echo', 5), ('discard', 0):
    listener = socket.create_server(('127.0.0.1', 0))
    nc = subprocess.Popen(['busybox', 'nc', *listener.getsockname()[:1], str(listener.getsockname()[1])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    server, _ = listener.accept()
    p = serve(server, name)
    server.close()
    got, _ = nc.communicate(b'text\n', timeout=10)
    assert len(got) == want, (name, got)
    ended(p)
PY
}

@test "a descriptor that is no socket is an error of ours: a line and status 1" {
	script <<'PY'
p = serve(open('/dev/null', 'r+b'), 'daytime')
ended(p, 1)
assert log().startswith('daytime: '), log()
PY
}

# ---- datagrams ----

@test "echo answers each datagram with itself, an empty one and the longest one too" {
	script <<'PY'
s, p = datagram('--datagram', 'echo')
a = asker()
for what in b'', b'x', b'\0\r\n\xff' * 300, b'y' * 65507, b'':
    assert ask(a, s.getsockname(), what) == what
assert os.get_blocking(s.fileno()), 'its flags were changed'
PY
}

@test "discard answers no datagram" {
	script <<'PY'
s, p = datagram('--datagram', 'discard')
a = asker()
for what in b'', b'text':
    a.sendto(what, s.getsockname())
silent(a)
assert p.poll() is None
PY
}

@test "chargen answers a datagram with as much as it had, and at most 512 bytes" {
	script <<'PY'
s, p = datagram('--datagram', 'chargen')
a = asker()
ring = bytes(range(32, 127)) * 3
for k, n in enumerate((0, 1, 74, 100, 512, 513, 60000)):
    want = b''.join(ring[j:j + 72] + b'\r\n' for j in range(k, k + 7))[:min(n, 512)]
    got = ask(a, s.getsockname(), b'x' * n)
    assert got == want, (n, got, want)
PY
}

@test "daytime and time answer any datagram, an empty one too" {
	script <<'PY'
os.environ['TZ'] = 'UTC0'
time.tzset()
s, p = datagram('--datagram', 'daytime')
t, q = datagram('--datagram', 'time')
a = asker()
for what in b'', b'x' * 1000:
    before = int(time.time())
    got = ask(a, s.getsockname(), what)
    assert got.decode() in [time.ctime(n) + '\r\n' for n in range(before, int(time.time()) + 1)], got
    got = ask(a, t.getsockname(), what)
    assert before <= struct.unpack('!I', got)[0] - 2208988800 <= time.time()
PY
}

@test "IPv6, and a peer on a named unix socket" {
	requires ipv6
	script <<'PY'
s, p = datagram('--datagram', 'echo', host='::1')
assert ask(asker('::1'), s.getsockname(), b'six') == b'six'
u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
u.bind(world + '/service')
serve(u, '--datagram', 'echo')
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
c.settimeout(10)
nobody = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
nobody.sendto(b'x', world + '/service')
c.bind(world + '/client')
c.sendto(b'unix', world + '/service')
assert c.recv(100) == b'unix'
full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
full.bind(world + '/full')
for _ in range(200):	# takes no answer: nobody waits for it
    full.sendto(b'x', world + '/service')
c.sendto(b'still there', world + '/service')
assert c.recv(100) == b'still there'
assert 'source without a name' in log(), log()
PY
}

@test "the answer comes from the address that was asked, also to what came before the handler" {
	script <<'PY'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 0))
first = asker()
first.sendto(b'first', ('127.0.0.4', s.getsockname()[1]))
time.sleep(0.1)
serve(s, '--datagram', 'echo')
answer, source = first.recvfrom(100)
assert (answer, source) == (b'first', ('127.0.0.4', s.getsockname()[1])), source
for host in '127.0.0.1', '127.0.0.2', '127.3.4.5':
    assert ask(asker(), (host, s.getsockname()[1]), b'x') == b'x'
PY
}

@test "an IPv4-mapped client is answered from the address that was asked, and checked as IPv4" {
	requires ipv6
	requires root
	script <<'PY'
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(('::', 0))
serve(s, '--datagram', 'echo')
assert ask(asker(), ('127.0.0.3', s.getsockname()[1]), b'x') == b'x'
a = asker('127.0.0.9', 19)
a.sendto(b'x', ('127.0.0.3', s.getsockname()[1]))
silent(a)
assert 'source port 19 (chargen)' in log(), log()
PY
}

@test "well-known sources are not answered, discarded in silence, and one line says so without an address" {
	requires root
	script <<'PY'
s, p = datagram('--silence', '1500', 'echo')
for port in 7, 19, 53, 123, 11211:
    a = asker('127.0.0.9', port)
    for _ in range(10):
        a.sendto(b'x', s.getsockname())
    silent(a, 0.1)
a = asker('127.0.0.9', 1022)
assert ask(a, s.getsockname(), b'x') == b'x'
ended(p)
assert log() == ('echo: a datagram was not answered: source port 7 (echo)\n'
    'echo: 49 more datagrams were not answered\n'), log()
PY
}

@test "two services on the same port of two hosts cannot be set upon each other" {
	script <<'PY'
s, p = datagram('--datagram', 'echo', host='127.0.0.1')
a = asker('127.0.0.2', s.getsockname()[1])
a.sendto(b'x', s.getsockname())
silent(a)
assert 'source port like our own' in log()
PY
}

@test "a broadcast or multicast datagram is not answered" {
	script <<'PY'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 0))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
    socket.inet_aton('239.1.2.3') + socket.inet_aton('127.0.0.1'))
a = asker()
a.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('127.0.0.1'))
a.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
groups = '239.1.2.3', '127.255.255.255'
for group in groups:		# these come before the handler
    a.sendto(b'before', (group, s.getsockname()[1]))
p = serve(s, '--silence', '1500', 'echo')
silent(a)
assert ask(a, ('127.0.0.1', s.getsockname()[1]), b'x') == b'x'
for group in groups:
    a.sendto(b'after', (group, s.getsockname()[1]))
silent(a)
ended(p)
# the first broadcast is not seen to be one: there the kernel refuses to send from that address
assert log() == ('echo: a datagram was not answered: sent to a broadcast or multicast address\n'
    'echo: 2 more datagrams were not answered\n'), log()
PY
}

@test "it ends by itself, with 0, when it was silent for 30 s" {
	script <<'PY'
start = time.monotonic()
s, p = datagram('--datagram', 'echo')
a = asker()
time.sleep(2)
ask(a, s.getsockname(), b'x')
ended(p, 0, 40)
assert 31.5 < time.monotonic() - start < 36, time.monotonic() - start
a.sendto(b'later', s.getsockname())	# stays in the socket for the next one
serve(s, '--datagram', 'echo')
assert a.recv(100) == b'later'
PY
}

@test "every datagram puts the silence off, and several processes share one socket" {
	script <<'PY'
s, p = datagram('--silence', '600', 'echo')
q = serve(s, '--silence', '600', 'echo')
a = asker()
for _ in range(20):
    ask(a, s.getsockname(), b'x')
    time.sleep(0.1)
assert (p.poll(), q.poll()).count(None) >= 1
ended(p)
ended(q)
PY
}

@test "a flood is answered one for one" {
	script <<'PY'
s, p = datagram('--datagram', 'echo')
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
a = asker()
a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
for n in range(200):
    for k in range(50):
        a.sendto(b'%d' % (50 * n + k), s.getsockname())
    for k in range(50):
        assert a.recv(100) == b'%d' % (50 * n + k)
silent(a, 0.1)
PY
}

# ---- tcpmux ----

# mux_script <<PY: with a connection to tcpmux, and berthd's end of the socket behind it
mux_script() {
	{
		cat <<'PY'
MAGIC = 0x6d757831
def mux(*services, options=(), family=socket.AF_INET):
    ours, back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10)
    c, p = stream(*options, 'tcpmux', str(back.fileno()), *services, keep=(back.fileno(),), family=family)
    back.close()
    return c, p, ours
def given(ours):
    """the number, and the connection"""
    data, anc, flags, _ = ours.recvmsg(100, 1000)
    assert len(data) == 8 and not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC), (data, flags)
    magic, number = struct.unpack('II', data)
    assert magic == MAGIC
    (level, kind, fds), = anc
    fds = array.array('i', fds)
    assert (level, kind, len(fds)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, 1)
    return number, socket.socket(fileno=fds[0])
def not_given(ours):
    assert ours.recv(100) == b''
REFUSED = b'-Service not available\r\n'
PY
		cat
	} >"$T/mux.py"
	script <"$T/mux.py"
}

@test "tcpmux gives the connection back with a number, without an answer" {
	mux_script <<'PY'
for family in socket.AF_INET, socket.AF_UNIX:
    for line in b'whois\r\n', b'WhoIs\r\n', b'whois\n':
        c, p, ours = mux('17=echo', '4000000000=whois', '3=who', family=family)
        c.sendall(line)
        number, s = given(ours)
        assert number == 4000000000
        ended(p)
        silent(c, 0.05)
        s.sendall(b'+Go\r\n')
        assert c.recv(100) == b'+Go\r\n'
        s.close()
        assert c.recv(100) == b''
        not_given(ours)
        if family == socket.AF_UNIX:
            os.unlink(world + '/listener')
assert log() == '', log()
PY
}

@test "tcpmux reads not a byte behind the line" {
	mux_script <<'PY'
c, p, ours = mux('1=echo')
c.sendall(b'echo\r\n\nGET / HTTP/1.0\r\n\r\n' + b'z' * 100000)
c.shutdown(socket.SHUT_WR)
number, s = given(ours)
s.settimeout(10)
assert to_end(s) == b'\nGET / HTTP/1.0\r\n\r\n' + b'z' * 100000
ended(p)
PY
}

@test "tcpmux takes a line in pieces" {
	mux_script <<'PY'
c, p, ours = mux('1=echo')
for b in b'EC', b'H', b'O\r', b'\nrest':
    c.sendall(b)
    time.sleep(0.1)
number, s = given(ours)
s.settimeout(10)
assert number == 1 and s.recv(100) == b'rest'
PY
}

@test "HELP lists the names of the list, one per line, and closes" {
	mux_script <<'PY'
c, p, ours = mux('1=echo', '2=Who.is', '3=x')
c.sendall(b'help\r\nand more' + b'x' * 10000)
assert to_end(c) == b'echo\r\nWho.is\r\nx\r\n'
c.close()
ended(p)
not_given(ours)
names = ['%d=service-%d' % (n, n) for n in range(5000)]
c, p, ours = mux(*names)
c.sendall(b'HELP\r\n')
assert to_end(c) == b''.join(n.split('=')[1].encode() + b'\r\n' for n in names)
PY
}

@test "a name that is not in the list does not reach berthd (CVE-2012-0862)" {
	mux_script <<'PY'
for line in b'ssh\r\n', b'\r\n', b'ech\r\n', b'echoo\r\n', b'echo \r\n', b'ec\0ho\r\n', b'1\r\n', b'echo\r\r\n', \
        b'../echo\r\n', b'x' * 257 + b'\r\n', b'echo' + b'\r' * 5000, b'\xff\xf4echo\r\n':
    c, p, ours = mux('1=echo')
    c.sendall(line)
    got = to_end(c)
    assert got == REFUSED, (line, got)
    c.close()
    ended(p)
    not_given(ours)
PY
}

@test "a client that ends before its line is refused, one that resets ends it too" {
	mux_script <<'PY'
c, p, ours = mux('1=echo')
c.sendall(b'echo')
c.shutdown(socket.SHUT_WR)
assert to_end(c) == REFUSED
c.close()
ended(p)
not_given(ours)
c, p, ours = mux('1=echo')
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
c.close()
ended(p)
not_given(ours)
assert log() == '', log()
PY
}

@test "a trickled line does not extend the time for it" {
	mux_script <<'PY'
start = time.monotonic()
c, p, ours = mux('1=echo', options=('--timeout', '1000'))
silent_one, q, other = mux('1=echo', options=('--timeout', '1000'))
while not select.select([c], [], [], 0.05)[0]:
    c.sendall(b'x')
assert to_end(c) == REFUSED and to_end(silent_one) == REFUSED
assert 0.9 < time.monotonic() - start < 3
assert cpu(q) <= 5
silent_one.close()
ended(q)
not_given(other)
PY
}

@test "ten seconds is the time for a line" {
	mux_script <<'PY'
start = time.monotonic()
c, p, ours = mux('1=echo')
c.settimeout(20)
assert to_end(c) == REFUSED
assert 9.9 < time.monotonic() - start < 13
PY
}

@test "when berthd has gone or does not listen, the client is told and the log too" {
	mux_script <<'PY'
c, p, ours = mux('1=echo')
ours.close()
c.sendall(b'echo\r\n')
assert to_end(c) == REFUSED
c.close()
ended(p)
assert log().startswith('tcpmux: not handed over: '), log()
ours, back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
back.setblocking(False)
try:
    while True:
        back.send(b'x')
except BlockingIOError:
    pass
back.setblocking(True)
c, p = stream('--timeout', '500', 'tcpmux', str(back.fileno()), '1=echo', keep=(back.fileno(),))
c.sendall(b'echo\r\n')
assert to_end(c) == REFUSED
PY
}
