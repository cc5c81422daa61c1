# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: fcgiwrap libfcgi-bin
# Programs that accept by themselves from the socket at 0, as FastCGI has it, under handlers
load ../lib/berth
load ../lib/limits

# cgi SCRIPT: asks for it over FastCGI
cgi() {
	SCRIPT_FILENAME=$1 REQUEST_METHOD=GET QUERY_STRING=${2-} SERVER_PROTOCOL=HTTP/1.0 GATEWAY_INTERFACE=CGI/1.1 \
	    timeout 30 cgi-fcgi -bind -connect "${3:-127.0.0.1:$(port_of f)}" </dev/null
}
script() {
	printf '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\n%s\n' "$2" >"$T/$1"
	chmod 0755 "$T/$1"
}
fcgi() {
	requires program fcgiwrap cgi-fcgi
	service f "$(jq -nc --argjson more "$1" '{listen: "tcp:127.0.0.1:0", exec: ["/usr/sbin/fcgiwrap"], wait: true} * $more')"
	start_berthd
}

@test "fcgiwrap: min processes answer, more come while requests wait, each of them answers" {
	script hello 'echo "hello $QUERY_STRING"'
	script slow "echo x >>$T/w/came; until [ -e $T/go ]; do sleep 0.02; done; echo slow"
	mkdir -m 0777 "$T/w"
	fcgi '{"handlers": {"min": 2, "max": 6}}'
	wait_logged 2 '^start service=f '
	run cgi "$T/hello" you
	assert_output --partial 'hello you'
	local i where pids=()
	where=127.0.0.1:$(port_of f)
	for i in 1 2 3 4; do
		cgi "$T/slow" '' "$where" >"$T/out.$i" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	JOBS+=("${pids[@]}")
	wait_until 15 eval '[[ $(wc -l <"$T/w/came") == 4 ]]'
	run cgi "$T/hello" more
	assert_output --partial 'hello more'
	service_is f '.active >= 5 and .peak <= 6'
	: >"$T/go"
	for i in "${pids[@]}"; do wait "$i"; done
	for i in 1 2 3 4; do grep -q slow "$T/out.$i"; done
	adds_up f
}

@test "fcgiwrap on a unix socket, started by the first request" {
	script hello 'echo "hello $QUERY_STRING"'
	fcgi "{\"listen\": \"unix:$T/f.sock\", \"socket\": {\"mode\": \"0666\"}}"
	run cgi "$T/hello" one "$T/f.sock"
	assert_output --partial 'hello one'
	run cgi "$T/hello" two "$T/f.sock"
	assert_output --partial 'hello two'
	service_is f '.accepted == 1 and .active == 1'
}
