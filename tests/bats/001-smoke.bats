# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "a service file with two keys is served" {
	service hello '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}'
	start_berthd
	run ask hello "some text"
	assert_success
	assert_output "some text"
	wait_log 'start service=hello connection=[0-9]+ pid=[0-9]+ peer=127\.0\.0\.1:[0-9]+ local=127\.0\.0\.1:[0-9]+ active=1/100'
	wait_log 'exit service=hello connection=[0-9]+ pid=[0-9]+ cause=exit status=0 duration=[0-9]+\.[0-9]+'
}

@test "an empty directory and no berth.json are fine: berthd runs and serves nothing" {
	start_berthd
	run services length
	assert_output 0
}

@test "-V prints a version and exits 0" {
	run_berthd -V
	assert_success
	assert_output --regexp '[0-9]+\.[0-9]+'
}

@test "a wrong option or a stray argument is exit status 64" {
	run_berthd --no-such-option
	assert_failure 64
	run_berthd stray
	assert_failure 64
	run_berthd --log-level loud -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 64
	run_berthd --log-format xml -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 64
}

@test "-t says that a good configuration is good and starts nothing" {
	echo_service hello
	run_berthd -t -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_success
	[[ ! -e $CONTROL ]]
}

@test "-t with a bad service file names it and is exit status 78" {
	echo_service good
	service bad '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"], "usr": "nobody"}'
	service worse '{"listen": '
	run_berthd -t -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 78
	assert_output --partial "bad.json"
	assert_output --partial "worse.json:"
	refute_output --partial "good.json"
}

@test "a bad berth.json is exit status 78, at start and with -t" {
	echo '{"stop_grace": 30}' >"$CONF"
	run_berthd -t -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 78
	assert_output --partial "$CONF: stop_grace:"
	run_berthd -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 78
	assert_output --partial "stop_grace"
}

@test "a berth.json that -c names must be there" {
	run_berthd -c "$T/absent.json" -s "$SERVICES" --control "$CONTROL"
	assert_failure 78
	assert_output --partial "absent.json"
}

@test "a control socket that cannot be made is exit status 71" {
	run_berthd -c "$CONF" -s "$SERVICES" --control /proc/no/control
	assert_failure 71
}

@test "an idle berthd wakes up zero times in two seconds" {
	requires program strace
	echo_service one
	echo_service two
	start_berthd
	ask one hello
	wait_until 5 no_children
	background strace -f -o "$T/trace" -p "$DPID"
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	# two seconds of nothing are what is tested
	sleep 2
	kill "${JOBS[-1]}"
	wait "${JOBS[-1]}" || :
	run grep -c '(' "$T/trace"
	# at most the epoll_wait that strace found it in, and its restart
	((output <= 2)) || fail "$(cat "$T/trace")"
}

@test "every sample of services.d is accepted by berthctl check, and describes itself" {
	local f dir=$BATS_TEST_DIRNAME/../../services.d
	compgen -G "$dir/*.json" >/dev/null || fail "no samples"
	for f in "$dir"/*.json; do
		run jq -r .description "$f"
		assert_success
		refute_output null
		cp "$f" "$SERVICES/"
	done
	run check "$SERVICES"
	assert_success
	(($(ls "$SERVICES" | wc -l) >= 8))
}

@test "all samples run at once" {
	requires root
	requires program unshare ip
	cp "$BATS_TEST_DIRNAME"/../../services.d/*.json "$SERVICES/"
	PREFIX=(unshare -n sh -c 'ip link set lo up && exec "$@"' sh)
	start_berthd
	run services '[.[] | select(.state != "open" and .state != "disabled")] | length'
	assert_output 0
}

@test "make run: samples that name berthctl or the control socket name those that are there" {
	mkdir "$T/build"
	printf '#!/bin/sh\n[ "$3" = -s ] && cat "$4"/metrics.json "$4"/status.json && echo "control $6" >&2\n' >"$T/build/berthd"
	chmod +x "$T/build/berthd"
	TMPDIR=$T run --separate-stderr "$BATS_TEST_DIRNAME/../lib/run" "$T/build"
	assert_success
	assert_equal "$(sed -n '/^{/,$p' <<<"$output" | jq -r '.exec[0:3] | join(" ")' | sort -u)" \
	    "$T/build/berthctl --control ${stderr#control }"
}
