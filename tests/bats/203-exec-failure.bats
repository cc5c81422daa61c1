# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# A handler that cannot be started is a failure of its service, never a start: the client is closed at once.
load ../lib/berth

# fails SERVICE STEP ERROR-REGEX
fails() {
	local began
	began=$(now_ms)
	run "$dial" --no-stdin "$(at "$1")"
	# the end of the stream or a reset: nothing was said
	((status == 0 || status == 3)) || fail "dial: $status"
	assert_equal "$(printf %s "$output" | grep -v '^dial: ' || :)" ''
	(($(now_ms) - began < 1500))
	wait_log "fail service=$1 connection=[0-9]+ peer=127\\.0\\.0\\.1:[0-9]+ step=$2 error=\"?$3"
	run log_count "^(start|exit) service=$1 "
	assert_output 0
}

@test "a program that is absent: opened with a warning, and tried again by each connection" {
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent\"]}"
	start_berthd
	run services '.[].warnings[]'
	assert_output --partial "$T/absent"
	fails x execve 'No such file or directory'
	wait_log "fail service=x .*path=$T/absent"
	printf '#!/bin/sh\necho here\n' >"$T/absent"
	chmod 755 "$T/absent"
	# it may still be throttled for a second
	wait_until 5 eval '[[ $(ask x) == here ]]'
}

@test "a program that is not executable" {
	echo 'echo no' >"$T/plain"
	chmod 644 "$T/plain"
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/plain\"]}"
	start_berthd
	fails x execve 'Permission denied'
}

@test "a directory" {
	service x '{"listen": "tcp:127.0.0.1:0", "exec": ["/usr"]}'
	start_berthd
	fails x execve 'Permission denied'
}

@test "a bad interpreter is named" {
	printf '#!/no/such/interpreter\n' >"$T/script"
	chmod 755 "$T/script"
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/script\"]}"
	start_berthd
	fails x execve 'bad interpreter /no/such/interpreter'
}

@test "a file that is no program at all" {
	printf 'no program\n' >"$T/text"
	chmod 755 "$T/text"
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/text\"]}"
	start_berthd
	fails x execve 'Exec format error'
}

@test "a program that is being written" {
	cp /bin/cat "$T/busy"
	chmod 755 "$T/busy"
	exec {fd}>>"$T/busy"
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/busy\"]}"
	start_berthd
	fails x execve 'Text file busy'
	exec {fd}>&-
}

@test "an argument list that is too long" {
	# the limit of all arguments is a quarter of the stack limit, but at least 128 KiB
	jq -nc '{listen: "tcp:127.0.0.1:0", exec: (["/bin/true"] + [range(30) | "x" * 2000])}' >"$T/x"
	jq -c '.process = {rlimits: {stack: "64K"}}' "$T/x" >"$SERVICES/x.json"
	# each environment variable of 2000 bytes counts too
	PREFIX=(env BIG="$(head -c 100000 /dev/zero | tr '\0' x)")
	jq -c '.process.pass_environment = ["BIG"]' "$SERVICES/x.json" >"$T/x" && mv "$T/x" "$SERVICES/x.json"
	start_berthd
	fails x execve 'Argument list too long'
}

@test "a working directory that is not there, or not for this user" {
	requires root
	mkdir -m 700 "$T/private"
	echo_service x "{\"process\": {\"working_directory\": \"$T/absent\"}}"
	echo_service y "{\"process\": {\"working_directory\": \"$T/private\"}}"
	start_berthd
	fails x chdir 'No such file or directory'
	fails y chdir 'Permission denied'
}

@test "ids that cannot be set: it is not run as somebody else" {
	requires root
	echo_service x
	PREFIX=(setpriv "--bounding-set=-setuid,-setgid" --inh-caps=-all --no-new-privs)
	start_berthd
	run ask x hello
	refute_output --partial hello
	wait_log 'fail service=x .*step=set(groups|resgid|resuid|gid|uid) error="Operation not permitted"'
}

@test "100 failures leave no process, no fd, no place taken" {
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"/bin/sh\", \"-c\", \"exit 127\"]}"
	service y "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent\"]}"
	echo_service good
	start_berthd
	"$flood" -n 3 -c 3 "$(at y)" || :
	wait_log 'throttle service=y'
	run ask good hello
	assert_output hello
	wait_until 5 active_is y 0
	assert_clean
	# one line a failure at most, and few of those
	(($(log_count '^fail service=y') <= 5))
}
