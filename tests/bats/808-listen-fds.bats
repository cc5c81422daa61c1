# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: uuid-runtime gunicorn curl python3-systemd
# Programs that were written for the socket activation of systemd
load ../lib/berth
load ../lib/limits
load ../lib/post

@test "uuidd: started by the first client, ends by itself, and started again" {
	requires program uuidd
	service uuidd "{\"listen\": \"unix:$T/request\", \"wait\": true, \"socket_as\": \"listen_fds\", \"socket\": {\"mode\": \"0666\"},
	    \"exec\": [\"/usr/sbin/uuidd\", \"-S\", \"-F\", \"-P\", \"-T\", \"1\"]}"
	start_berthd
	local uuid='^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' first
	run timeout 10 uuidd -r -s "$T/request"
	assert_output --regexp "$uuid"
	first=$output
	run timeout 10 uuidd -r -s "$T/request"
	assert_output --regexp "$uuid"
	[[ $output != "$first" ]]
	service_is uuidd '.accepted == 1 and .active == 1'
	wait_log '^exit service=uuidd connection=1 .*cause=exit' 15
	run timeout 10 uuidd -r -s "$T/request"
	assert_output --regexp "$uuid"
	(($(starts uuidd) == 2))
	adds_up uuidd
}

@test "gunicorn: two sockets, many requests, and a reload that replaces it without one being refused" {
	requires program gunicorn curl
	cat >"$T/app.py" <<'PY'
import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ.get("RULE", "none").encode()]
PY
	service web "{\"listen\": [\"tcp:127.0.0.1:0\", \"unix:$T/web.sock\"], \"wait\": true, \"socket_as\": \"listen_fds\",
	    \"timeouts\": {\"stop\": \"10s\"}, \"process\": {\"environment\": {\"RULE\": \"old\"}},
	    \"exec\": [\"/usr/bin/gunicorn\", \"--chdir\", \"$T\", \"--workers\", \"2\", \"--worker-tmp-dir\", \"/dev/shm\", \"app:app\"]}"
	start_berthd
	local url i
	url=http://127.0.0.1:$(port_of web)/
	run curl -sS --max-time 20 "$url"
	assert_output old
	run curl -sS --max-time 20 --unix-socket "$T/web.sock" http://x/
	assert_output old
	for i in {1..20}; do curl -sS --max-time 20 -o /dev/null "$url"; done
	service_is web '.accepted == 1 and .active == 1'
	edit web '.process.environment.RULE = "new"'
	wait_until 20 eval "[[ \$(curl -sS --max-time 20 $url || echo refused >>$T/refused) == new ]]"
	[[ ! -e $T/refused ]]
	wait_log '^exit service=web connection=1 .*cause=stop' 10
	(($(starts web) == 2))
	adds_up web
}

@test "python3-systemd: one connection at 3, as with Accept=yes" {
	py_service a '
sys.path[0:0] = ["/usr/lib/python3/dist-packages"]
from systemd import daemon
fds = daemon.listen_fds_with_names()
connected = bool(daemon.is_socket_inet(3, type=socket.SOCK_STREAM, listening=0))
sock(3).sendall(repr((fds, connected)).encode())' '{"listen": "tcp:127.0.0.1:0", "socket_as": "listen_fds"}'
	start_berthd
	run "$dial" --no-stdin "$(at a)"
	assert_output "({3: 'connection'}, True)"
}
