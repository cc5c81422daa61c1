# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

# somebody else listens on $PORT
squat() {
	PORT=$(free_port)
	background python3 -c '
import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen()
time.sleep(120)' "$PORT"
	SQUATTER=$!
	wait_until 5 eval '[[ -n $(ss -Htln "sport = :$PORT") ]]'
}

@test "an endpoint in use waits, says why, and is served after it was freed; everything else runs" {
	squat
	echo_service taken "{\"listen\": [\"tcp:127.0.0.1:$PORT\", \"tcp:127.0.0.1:0\"]}"
	echo_service good
	start_berthd
	run ask good hello
	assert_output hello
	wait_log "waiting service=taken endpoint=tcp:127.0.0.1:$PORT .*reason=\"address already in use.*retry=1\\.000"
	run services '.[] | select(.name == "taken") | .endpoints[0] | .state, .reason'
	assert_line --index 0 waiting
	assert_line --index 1 --partial 'in use'
	run ctl list
	assert_output --partial 'in use'
	# its other endpoint is served
	run "$dial" "tcp:127.0.0.1:$(port_of taken 1)" <<<hello
	assert_output hello
	run ctl reload
	assert_failure 1
	kill "$SQUATTER"
	wait_until 5 service_is taken 'all(.endpoints[]; .state == "listening")'
	run "$dial" "tcp:127.0.0.1:$PORT" <<<hello
	assert_output hello
}

@test "the retries back off" {
	squat
	echo_service taken "{\"listen\": \"tcp:127.0.0.1:$PORT\"}"
	start_berthd --log-level debug
	wait_log 'waiting service=taken .*retry=1\.000'
	wait_log 'waiting service=taken .*retry=2\.000' 5
}

@test "a reload tries again at once" {
	squat
	echo_service taken "{\"listen\": \"tcp:127.0.0.1:$PORT\"}"
	start_berthd --log-level debug
	wait_log 'waiting service=taken .*retry=2\.000' 5
	kill "$SQUATTER"
	wait_until 5 eval '[[ -z $(ss -Htln "sport = :$PORT") ]]'
	run ctl reload
	assert_success
	service_is taken '.state == "open"'
}

@test "two services that name one endpoint: at start the first by name has it, the other waits for it" {
	local port
	port=$(free_port)
	sh_service bbb 'echo bbb' "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	sh_service aaa 'echo aaa' "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	service_is aaa '.state == "open"'
	service_is bbb '.state == "waiting"'
	run services '.[] | select(.name == "bbb") | .endpoints[0].reason'
	assert_output --partial aaa
	run "$dial" "tcp:127.0.0.1:$port" </dev/null
	assert_output aaa
	rm "$SERVICES/aaa.json"
	wait_until 3 service_is bbb '.state == "open"'
	run "$dial" "tcp:127.0.0.1:$port" </dev/null
	assert_output bbb
}

@test "the one that holds an endpoint keeps it, also against an earlier name" {
	local port
	port=$(free_port)
	sh_service bbb 'echo bbb' "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	sh_service aaa 'echo aaa' "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	run ctl reload
	assert_failure 1
	service_is aaa '.state == "waiting"'
	run "$dial" "tcp:127.0.0.1:$port" </dev/null
	assert_output bbb
}

@test "a wildcard and one address on the same port" {
	local port
	port=$(free_port)
	sh_service aaa 'echo aaa' "{\"listen\": \"tcp:$port\"}"
	sh_service bbb 'echo bbb' "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	service_is aaa '.state == "open"'
	service_is bbb '.state == "waiting"'
	run services '.[] | select(.name == "bbb") | .endpoints[0].reason'
	assert_output --partial aaa
}
