# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "killed and started again: the same ports at once, while old handlers live on" {
	local port
	port=$(free_port)
	sh_service x 'echo up; while read line; do echo "err $line" >&2; echo "$line"; done' "{\"listen\": [\"tcp:127.0.0.1:$port\", \"unix:$T/sock\"]}"
	start_berthd
	open_session tcp "tcp:127.0.0.1:$port"
	open_session unix "unix:$T/sock"
	heard tcp up
	heard unix up
	kill9_berthd
	local began
	began=$(now_ms)
	start_berthd
	(($(now_ms) - began < 1500))
	service_is x '.state == "open"'
	run "$dial" --timeout 5 "tcp:127.0.0.1:$port" <<<hello
	assert_line hello
	run "$dial" --timeout 5 "unix:$T/sock" <<<hello
	assert_line hello
	# the old ones live, also when they write to stderr
	say tcp one
	heard tcp one
	say tcp two
	heard tcp two
	say unix one
	heard unix one
	close_session tcp
	close_session unix
	wait_until 5 no_handlers_left
}

@test "killed ten times under load: started again each time" {
	local port i
	port=$(free_port)
	echo_service x "{\"listen\": \"tcp:127.0.0.1:$port\", \"log\": {\"connections\": false}}"
	start_berthd
	background "$flood" --until "$T/stop" -c 4 --send hello --expect hello "tcp:127.0.0.1:$port" >"$T/flood"
	for i in {1..10}; do
		kill9_berthd
		start_berthd
		service_is x '.state == "open"'
	done
	: >"$T/stop"
	wait "${JOBS[-1]}" || :
	(($(jq '.ok' "$T/flood") > 50)) || fail "$(cat "$T/flood")"
	(($(jq '.bad + .timeout' "$T/flood") == 0)) || fail "$(cat "$T/flood")"
}

@test "connection numbers after a restart" {
	sh_service x 'echo $BERTH_CONNECTION'
	start_berthd
	ask x
	kill9_berthd
	start_berthd
	run ask x
	assert_output --regexp '^[0-9]+$'
}
