# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What a bad end costs its source.  Where nothing is to decay in time, the durations are hours.
load ../lib/berth

# "crash" dies by a signal, a number is an exit status, all else comes back
bad='read line; case $line in crash) kill -SEGV $$;; [0-9]*) exit $line;; esac; echo "$line"'
from() { "$dial" --source "$1" --timeout 10 "$(at "$2")" <<<"$3"; }
# from_refused ADDR SERVICE: reset, and counted as that
from_refused() {
	local before
	before=$(services ".[] | select(.name == \"$2\") | .refused.penalty")
	run from "$1" "$2" hello
	refute_output --partial hello
	((status != 0)) || fail "not reset"
	wait_until 5 service_is "$2" ".refused.penalty == $((before + 1))"
}
from_served() {
	run from "$1" "$2" hello
	assert_success
	assert_output hello
}
penalties() { ctl penalties --json | jq -r "$1"; }

@test "exit statuses and signals add up; from the threshold on that source is refused, and no other" {
	sh_service x "$bad" '{"penalties": {"signal": "1h", "exit": {"75": "2h"}, "threshold": "4h", "max": "10h"}}'
	start_berthd
	from 127.0.0.2 x 75 || :
	wait_logged 1 'exit service=x .*status=75'
	from_served 127.0.0.2 x
	from 127.0.0.2 x crash || :
	wait_logged 1 'exit service=x .*signal=SEGV'
	from_served 127.0.0.2 x
	from 127.0.0.2 x 75 || :
	wait_logged 2 'exit service=x .*status=75'
	from_refused 127.0.0.2 x
	wait_log 'refuse service=x peer=127\.0\.0\.2:[0-9]+ reason=penalty rule="penalties\.threshold is 4h, the balance '
	from_served 127.0.0.3 x
	from_refused 127.0.0.2 x
	service_is x '.refused.penalty == 2 and .accepted == 8'
}

@test "other statuses, and what berthd ends itself, cost nothing" {
	sh_service x "$bad" '{"timeouts": {"lifetime": "300ms"}, "penalties": {"signal": "1h", "exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	start_berthd
	local i
	for i in 1 2 74 76 255; do from 127.0.0.1 x "$i" || :; done
	wait_logged 5 'exit service=x .*status='
	# its lifetime ends it by a signal
	run "$dial" --no-stdin --timeout 10 "$(at x)"
	wait_log 'exit service=x .*cause=lifetime signal=TERM'
	from_served 127.0.0.1 x
	run penalties '.penalties | length'
	assert_output 0
	run ctl penalties
	assert_output 'no penalties'
	run log_count '^penalty|^refuse'
	assert_output 0
}

@test "a signal that somebody else sends to a handler counts" {
	sh_service x 'echo hi; exec sleep 100' '{"penalties": {"signal": "1h", "threshold": "1s", "max": "10h"}}'
	start_berthd
	open_session a "$(at x)" --source 127.0.0.2
	heard a hi
	kill -KILL "$(pid_of x)"
	wait_log 'exit service=x .*cause=exit signal=KILL'
	from_refused 127.0.0.2 x
}

@test "a balance falls by itself, and its source is let in again" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "3s"}, "threshold": "1s"}}'
	start_berthd
	from 127.0.0.2 x 75 || :
	wait_log 'exit service=x .*status=75'
	from_refused 127.0.0.2 x
	wait_until 10 from 127.0.0.2 x hello
	# it was below the threshold then, and is gone soon after
	[[ $(penalties '[.penalties[] | select(.balance >= 1)] | length') == 0 ]]
	wait_until 10 eval '[[ $(ctl penalties) == "no penalties" ]]'
}

@test "penalties.max bounds a balance, whatever came together" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "1s", "max": "3s"}}'
	start_berthd
	local i
	for i in a b c; do open_session "$i" "$(at x)" --source 127.0.0.2; done
	wait_logged 3 '^start service=x'
	for i in a b c; do say "$i" 75; done
	wait_logged 3 'exit service=x .*status=75'
	[[ $(penalties '.penalties[0] | .balance > 0 and .balance <= 3') == true ]]
	from_refused 127.0.0.2 x
	wait_until 15 from 127.0.0.2 x hello
}

@test "connections that are refused add nothing" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "3s"}, "threshold": "1s"}}'
	start_berthd
	local where
	where=$(at x)
	from 127.0.0.2 x 75 || :
	wait_log 'exit service=x .*status=75'
	# for as long as it takes, it goes on trying
	wait_until 15 "$dial" --source 127.0.0.2 --timeout 5 "$where" <<<hello
	service_is x '.refused.penalty >= 1'
	[[ $(log_count '^penalty ') == 1 ]]
}

@test "sources are prefixes: a neighbour in the same one is refused too" {
	sh_service x "$bad" '{"limits": {"source_prefix": {"ipv4": 24}}, "penalties": {"exit": {"75": "1h"}, "threshold": "1h", "max": "3h"}}'
	start_berthd
	from 127.0.7.1 x 75 || :
	from 127.0.7.2 x 75 || :
	wait_logged 2 'exit service=x .*status=75'
	from_refused 127.0.7.9 x
	from_served 127.0.8.1 x
	run penalties '.penalties[].source'
	assert_output 127.0.7.0/24
}

@test "on unix sockets the source is the uid" {
	service x "$(jq -nc --arg s "$bad" --arg l "unix:$T/x.sock" '{listen: $l, exec: ["/bin/sh", "-c", $s],
	    penalties: {exit: {"75": "1h"}, threshold: "1s", max: "3h"}, socket: {mode: "0666"}}')"
	start_berthd
	"$dial" --timeout 5 "unix:$T/x.sock" <<<75 || :
	wait_log 'exit service=x .*status=75'
	run "$dial" --timeout 5 "unix:$T/x.sock" <<<hello
	refute_output --partial hello
	wait_log "refuse service=x peer=uid:$EUID reason=penalty"
	run penalties '.penalties[].source'
	assert_output "uid:$EUID"
	((EUID == 0)) || return 0
	install -m 0755 "$dial" "$T/dial"
	run setpriv --reuid=61234 --regid=61234 --clear-groups "$T/dial" --timeout 5 "unix:$T/x.sock" <<<hello
	assert_output hello
}

@test "the penalty is logged when the threshold is crossed, once" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "90min", "max": "10h"}}'
	start_berthd
	local i
	for i in a b c d; do open_session "$i" "$(at x)" --source 127.0.0.2; done
	wait_logged 4 '^start service=x'
	say a 75
	wait_logged 1 'exit service=x .*status=75'
	run log_count '^penalty '
	assert_output 0
	say b 75
	wait_log '^penalty service=x source=127\.0\.0\.2 balance='
	say c 75
	say d 75
	wait_logged 4 'exit service=x .*status=75'
	from_refused 127.0.0.2 x
	run log_count '^penalty '
	assert_output 1
	ctl penalties --forgive 127.0.0.2
	for i in 1 2; do from 127.0.0.2 x 75 || :; done
	wait_logged 6 'exit service=x .*status=75'
	wait_logged 2 '^penalty service=x source=127\.0\.0\.2'
}

@test "berthctl penalties shows service, source, balance, threshold and what comes of it" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "90min", "max": "10h"}}'
	sh_service y "$bad" '{"penalties": {"signal": "2h", "threshold": "1h", "max": "10h"}}'
	start_berthd
	from 127.0.0.2 x 75 || :
	from 127.0.0.3 y crash || :
	wait_log 'exit service=x .*status=75'
	wait_log 'exit service=y .*signal=SEGV'
	run penalties '.penalties | sort_by(.service)[] | "\(.service) \(.source) \(.balance > 3000 and .balance <= 7200) \(.threshold) \(.refused) \(.live)"'
	assert_line --index 0 'x 127.0.0.2 true 5400 false 0'
	assert_line --index 1 'y 127.0.0.3 true 3600 true 0'
	run ctl penalties
	assert_line --regexp '^SERVICE +SOURCE +BALANCE +THRESHOLD +STATE$'
	assert_line --regexp '^x +127\.0\.0\.2 +35[0-9]{2}\.[0-9]{3}s +5400s +below$'
	assert_line --regexp '^y +127\.0\.0\.3 +71[0-9]{2}\.[0-9]{3}s +3600s +refused$'
	run ctl penalties y
	refute_output --partial 127.0.0.2
	assert_output --partial 127.0.0.3
}

@test "berthctl penalties --forgive frees an address, a prefix, one service, or all" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	sh_service y "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	start_berthd
	local i
	for i in 2 3 4 5; do from "127.0.0.$i" x 75 || :; done
	for i in 2 3; do from "127.0.0.$i" y 75 || :; done
	wait_logged 4 'exit service=x .*status=75'
	wait_logged 2 'exit service=y .*status=75'
	# one address with one service
	run ctl penalties --forgive 127.0.0.2 x
	assert_success
	assert_output '1 forgiven'
	from_served 127.0.0.2 x
	from_refused 127.0.0.2 y
	from_refused 127.0.0.3 x
	# a prefix with all
	run ctl penalties --forgive 127.0.0.2/31
	assert_output '3 forgiven'
	from_served 127.0.0.3 x
	from_served 127.0.0.2 y
	from_refused 127.0.0.4 x
	# all
	run ctl penalties --forgive all
	assert_output '2 forgiven'
	for i in 2 3 4 5; do from_served "127.0.0.$i" x; done
	# nothing there: the answer is no
	run ctl penalties --forgive all
	assert_failure 1
	run ctl penalties --forgive 127.0.0.256
	assert_failure 64
	run ctl penalties --forgive 127.0.0.2 none
	assert_failure
}

@test "a forgiven source begins again at nothing" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "90min", "max": "10h"}}'
	start_berthd
	from 127.0.0.2 x 75 || :
	wait_logged 1 'exit service=x .*status=75'
	ctl penalties --forgive 127.0.0.2
	from 127.0.0.2 x 75 || :
	wait_logged 2 'exit service=x .*status=75'
	from_served 127.0.0.2 x
	from 127.0.0.2 x 75 || :
	wait_logged 3 'exit service=x .*status=75'
	from_refused 127.0.0.2 x
}

@test "who may only read may look at penalties, and forgive none" {
	requires root
	requires program setpriv
	conf '{"control": {"group": "mail"}}'
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	start_berthd
	from 127.0.0.2 x 75 || :
	wait_log 'exit service=x .*status=75'
	install -m 0755 "$BUILD/berthctl" "$T/berthctl"
	as_mail() { setpriv --reuid=nobody --regid=mail --clear-groups "$T/berthctl" --control "$CONTROL" "$@"; }
	run as_mail penalties
	assert_success
	assert_output --partial 127.0.0.2
	run as_mail penalties --forgive all
	assert_failure 77
	from_refused 127.0.0.2 x
}

@test "berthctl explain says that a source would be refused, and counts nothing by it" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	start_berthd
	from 127.0.0.2 x 75 || :
	wait_log 'exit service=x .*status=75'
	run ctl explain x --peer 127.0.0.2
	assert_failure 1
	assert_output --regexp 'verdict +refused: penalty, penalties\.threshold is 1s, the balance '
	run ctl explain x --peer 127.0.0.3
	assert_success
	service_is x '.accepted == 1 and .refused.penalty == 0'
}

@test "a fault of the service throttles the service, and costs no source anything" {
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent\"], \"penalties\": {\"signal\": \"1h\", \"exit\": {\"75\": \"1h\"}, \"threshold\": \"1s\", \"max\": \"10h\"}}"
	sh_service y 'exit 127' '{"penalties": {"signal": "1h", "exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	start_berthd
	from 127.0.0.2 x hello || :
	from 127.0.0.2 y hello || :
	wait_log '^throttle service=x '
	wait_log '^throttle service=y '
	run penalties '.penalties | length'
	assert_output 0
	run log_count '^penalty|^refuse'
	assert_output 0
	service_is x '.failed == 1 and .refused.penalty == 0'
	service_is y '.ended == 1 and .refused.penalty == 0'
}

@test "one source that crashes its handlers is refused, throttles nothing, and the others go on" {
	sh_service x "$bad" '{"penalties": {"signal": "1h", "threshold": "150min", "max": "10h"}}'
	start_berthd
	local i
	for i in {1..6}; do from 127.0.0.2 x crash || :; done
	wait_logged 3 'exit service=x .*signal=SEGV'
	wait_until 5 service_is x '.refused.penalty == 3 and .ended == 3'
	from_served 127.0.0.3 x
	run log_count '^throttle'
	assert_output 0
}

@test "a balance survives a reload, and a new threshold holds at once" {
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	start_berthd
	from 127.0.0.2 x 75 || :
	wait_log 'exit service=x .*status=75'
	sh_service x "$bad" '{"description": "new", "penalties": {"exit": {"75": "1h"}, "threshold": "1s", "max": "10h"}}'
	ctl reload
	from_refused 127.0.0.2 x
	sh_service x "$bad" '{"penalties": {"exit": {"75": "1h"}, "threshold": "5h", "max": "10h"}}'
	ctl reload
	from_served 127.0.0.2 x
}

@test "300 abnormal ends leave every counter exact" {
	sh_service x "$bad" '{"log": {"connections": false}, "penalties": {"signal": "1ms", "exit": {"75": "1ms"}, "threshold": "1h", "max": "2h"}}'
	start_berthd
	local where
	where=$(at x)
	"$flood" -n 150 -c 10 --send $'75\n' "$where" >/dev/null || :
	"$flood" -n 150 -c 10 --source 127.0.0.2 --send $'crash\n' "$where" >/dev/null || :
	wait_until 10 active_is x 0
	service_is x '.accepted == 300 and .ended == 300 and .failed == 0 and .pending == 0 and .evicted == 0'
	service_is x '([.refused[]] | add) == 0 and .histograms.lifetime.count == 300 and .histograms.spawn.count == 300'
	assert_clean
	from_served 127.0.0.2 x
}
