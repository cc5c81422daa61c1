# post.bash - what the tests of wait, listen_fds and handlers share: `load ../lib/post` after berth and limits
# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it

# what each handler below begins with.  settimeout() would set O_NONBLOCK for everybody who shares the socket: select waits.
POST_PY='
import os, select, signal, socket, sys, time
me = os.getpid()
def sock(fd=0):
    return socket.socket(fileno=fd)
def note(*what):
    print(*what, file=sys.stderr, flush=True)
def readable(s, seconds):
    return bool(select.select([s], [], [], seconds)[0])
def answer(s):
    """one datagram, or one connection: my number, and what it said"""
    if s.type == socket.SOCK_DGRAM:
        text, peer = s.recvfrom(70000)
        if peer:
            s.sendto(b"%d %s" % (me, text), peer)
        return text
    c, _ = s.accept()
    text = b""
    while part := c.recv(65536):
        text += part
    c.sendall(b"%d %s" % (me, text))
    c.close()
    return text
def serve(s, seconds):
    while readable(s, seconds):
        answer(s)
'

# py_service NAME SCRIPT [JSON]: a Python handler on a udp port of the kernel's choice, unless JSON says otherwise
py_service() {
	service "$1" "$(py_json "$2" "${3:-{\}}")"
}
py_json() {
	jq -nc --argjson more "${2:-{\}}" --arg script "$POST_PY"$'\n'"$1" \
	    '{listen: "udp:127.0.0.1:0", exec: ["/usr/bin/python3", "-S", "-c", $script]} * $more'
}

# client ARGS <<PY: a Python client; its arguments are in sys.argv[1:]
client() {
	timeout 30 /usr/bin/python3 -S -c "$(cat <<'PY'
import os, select, socket, sys, time
def udp(host="127.0.0.1", port=0):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, port))
    s.settimeout(10)
    return s
def quiet(s, seconds=0.3):
    assert not select.select([s], [], [], seconds)[0], "an answer: %r" % s.recv(70000)
PY
	cat)" "$@"
}

# udp_ask SERVICE TEXT...: each from the same source; prints what comes back, a line each
udp_ask() {
	client "$(port_of "$1")" "${@:2}" <<'PY'
s = udp()
for text in sys.argv[2:]:
    s.sendto(text.encode(), ("127.0.0.1", int(sys.argv[1])))
    print(s.recv(70000).decode())
PY
}
# udp_send SERVICE TEXT...: no answer is awaited
udp_send() {
	client "$(port_of "$1")" "${@:2}" <<'PY'
s = udp()
for text in sys.argv[2:]:
    s.sendto(text.encode(), ("127.0.0.1", int(sys.argv[1])))
PY
}

# ticks PID: of CPU that it has used
ticks() { local s; s=$(</proc/"${1:-$DPID}"/stat); s=${s##*) }; set -- $s; echo $((${12} + ${13})); }

starts() { log_count "^start service=$1 "; }
ends() { log_count "^exit service=$1 "; }
accounts() { of "$1" '"\(.accepted) \(.active) \(.ended) \(.failed)"'; }
throttled() { service_is "$1" '.gate == "throttled"'; }

# ---- prefork: service p ----

# prefork HANDLERS [JSON]: each process takes one client after the other, says who it is, and returns what it is told
prefork() {
	py_service p '
s = sock()
while True:
    c, _ = s.accept()
    c.sendall(b"%d\n" % me)
    while text := c.recv(65536):
        c.sendall(text)
    c.close()' "$(jq -nc --argjson h "$1" --argjson more "${2:-{\}}" '{listen: "tcp:127.0.0.1:0", wait: true, handlers: $h} * $more')"
}

# arrives NAME: a client that is served
arrives() {
	open_session "$1" "$(at p)"
	heard "$1" '^[0-9]+$' 15
}
pids() { connections '.[].pid' p | sort; }
