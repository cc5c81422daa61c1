# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# A service at fault is not polled for a while; a client at fault cannot bring that about.
load ../lib/berth

crash='read line; [ "$line" = crash ] && kill -SEGV $$; echo "$line"'
from() { "$dial" --source "$1" --timeout 10 "$(at "$2")" <<<"$3"; }

@test "one client that crashes its handlers again and again throttles nothing" {
	sh_service x "$crash"
	start_berthd
	local i
	for i in {1..12}; do from 127.0.0.2 x crash || :; done
	wait_logged 12 'exit service=x .*signal=SEGV'
	run log_count '^throttle'
	assert_output 0
	run from 127.0.0.3 x hello
	assert_output hello
}

@test "deaths from two addresses throttle nothing" {
	sh_service x "$crash"
	start_berthd
	local i
	for i in 1 2 3; do
		from 127.0.0.2 x crash || :
		from 127.0.0.3 x crash || :
	done
	wait_logged 6 'exit service=x .*signal=SEGV'
	run log_count '^throttle'
	assert_output 0
}

@test "three deaths in a row from three addresses throttle for a second; the client waits and is served" {
	sh_service x "$crash"
	echo_service good
	start_berthd
	from 127.0.0.2 x crash || :
	from 127.0.0.3 x crash || :
	from 127.0.0.4 x crash || :
	wait_log '^throttle service=x seconds=1\.000'
	service_is x '.gate == "throttled"'
	local began
	began=$(now_ms)
	run ask good hello
	assert_output hello
	(($(now_ms) - began < 900))
	run from 127.0.0.5 x hello
	assert_output hello
	(($(now_ms) - began > 500))
	wait_log '^recovered service=x'
}

@test "a success between them starts the count again" {
	sh_service x "$crash"
	start_berthd
	from 127.0.0.2 x crash || :
	from 127.0.0.3 x crash || :
	wait_logged 2 'signal=SEGV'
	from 127.0.0.9 x hello
	wait_logged 1 'exit service=x .*status=0'
	from 127.0.0.4 x crash || :
	wait_logged 3 'signal=SEGV'
	run log_count '^throttle'
	assert_output 0
}

# live_for MILLISECONDS SINCE: no event says that a handler has got that old
live_for() { wait_until 5 eval "((\$(now_ms) - $2 >= $1))"; }

@test "a handler that lives on for a second between them starts the count again" {
	sh_service x "$crash"
	start_berthd
	from 127.0.0.2 x crash || :
	from 127.0.0.3 x crash || :
	wait_logged 2 'signal=SEGV'
	open_session live "$(at x)" --source 127.0.0.9
	wait_logged 3 '^start service=x'
	live_for 1200 "$(now_ms)"
	from 127.0.0.4 x crash || :
	wait_logged 3 'signal=SEGV'
	run log_count '^throttle'
	assert_output 0
	say live hello
	heard live hello
}

@test "so does one that was started before them and gets a second old after them" {
	sh_service x "$crash"
	start_berthd
	local where began
	where=$(at x)
	open_session a "$where" --source 127.0.0.2
	open_session b "$where" --source 127.0.0.3
	open_session live "$where" --source 127.0.0.9
	wait_logged 3 '^start service=x'
	began=$(now_ms)
	say a crash
	say b crash
	wait_logged 2 'signal=SEGV'
	live_for 1200 "$began"
	from 127.0.0.4 x crash || :
	wait_logged 3 'signal=SEGV'
	run log_count '^throttle'
	assert_output 0
	say live hello
	heard live hello
}

@test "exit status 127 is a fault of the service at once, and the pause doubles" {
	sh_service x '[ -e '"$T"'/mended ] && exec cat; exit 127'
	start_berthd
	ask x || :
	wait_log '^throttle service=x seconds=1\.000'
	ask x || :
	wait_log '^throttle service=x seconds=2\.000'
	: >"$T/mended"
	local began
	began=$(now_ms)
	run ask x hello
	assert_output hello
	(($(now_ms) - began < 4000))
	wait_log '^recovered service=x'
}

@test "a reload of its file ends a throttle" {
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent\"]}"
	start_berthd
	local where
	where=$(at x)
	"$dial" --no-stdin "$where" || :
	wait_log '^throttle service=x seconds=1\.000'
	"$dial" --no-stdin "$where" || :
	wait_log '^throttle service=x seconds=2\.000'
	local began
	began=$(now_ms)
	jq '.exec = ["/bin/cat"]' "$SERVICES/x.json" >"$T/new" && mv "$T/new" "$SERVICES/x.json"
	run "$dial" "$where" <<<hello
	assert_output hello
	(($(now_ms) - began < 1500))
}

@test "a file that is written again with the same content ends a throttle" {
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent\"]}"
	start_berthd
	local where n began
	where=$(at x)
	for n in 1 2 4; do
		"$dial" --no-stdin --timeout 10 "$where" || :
		wait_log "^throttle service=x seconds=$n\.000"
	done
	install -m 0755 /bin/cat "$T/absent"
	began=$(now_ms)
	mark_log
	cp "$SERVICES/x.json" "$T/new" && mv "$T/new" "$SERVICES/x.json"
	wait_fresh '^recovered service=x' 3
	run "$dial" "$where" <<<hello
	assert_output hello
	(($(now_ms) - began < 3000))
}

@test "a throttled service whose handlers end by their lifetime below a second is served again" {
	sh_service x '[ -e '"$T"'/mended ] || exit 127; echo hello; exec sleep 100' '{"timeouts": {"lifetime": "300ms"}}'
	start_berthd
	ask x || :
	wait_log '^throttle service=x seconds=1\.000'
	: >"$T/mended"
	local i
	for i in 1 2 3; do
		run ask x
		assert_output hello
		wait_logged "$i" 'exit service=x .*cause=lifetime'
	done
	service_is x '.gate != "throttled"'
	run log_count '^throttle'
	assert_output 1
}

@test "other exit statuses and a non-zero end of a long life are no fault" {
	sh_service x 'exit 1'
	start_berthd
	local i
	for i in 2 3 4 5 6; do from 127.0.0.$i x y || :; done
	wait_logged 5 'exit service=x .*status=1'
	run log_count '^throttle'
	assert_output 0
}
