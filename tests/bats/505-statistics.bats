# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

counts() { services '.[] | select(.name == "x") | [.accepted, .pending, .active, .ended, .failed] | join(" ")'; }
cause() { services ".[] | select(.name == \"x\") | .causes[\"$1\"]"; }

@test "killed and started again: counters go on, live handlers are counted once, as lost" {
	sh_service x 'echo up; read line; exit 3'
	start_berthd
	ask x stay >/dev/null
	ask x stay >/dev/null
	open_session one "$(at x)"
	heard one up
	open_session two "$(at x)"
	heard two up
	wait_until 5 service_is x '.ended == 2 and .active == 2'
	kill9_berthd
	start_berthd
	[[ $(counts) == "4 0 0 4 0" ]]
	[[ $(cause lost) == 2 && $(cause exit) == 2 ]]
	[[ $(services '.[0].statuses["3"]') == 2 ]]
	# and not again by a third
	kill9_berthd
	start_berthd
	[[ $(counts) == "4 0 0 4 0" && $(cause lost) == 2 ]]
	close_session one
	close_session two
}

@test "stopped and started again: counters and connection numbers go on" {
	sh_service x 'echo $BERTH_CONNECTION'
	start_berthd
	local first second
	first=$(ask x)
	wait_until 5 service_is x '.ended == 1'
	stop_berthd
	start_berthd
	second=$(ask x)
	((second > first))
	wait_until 5 service_is x '.accepted == 2 and .ended == 2 and .causes.lost == 0'
}

@test "killed ten times under load: no connection number is given twice, nothing is counted twice" {
	local port i
	port=$(free_port)
	sh_service x 'read line; echo $BERTH_CONNECTION >>'"$T"'/numbers; echo hello' \
	    "{\"listen\": \"tcp:127.0.0.1:$port\", \"user\": \"root\", \"log\": {\"connections\": false}}"
	start_berthd
	background "$flood" --until "$T/stop" -c 4 --send 'hello
' --expect hello "tcp:127.0.0.1:$port" >"$T/flood"
	for i in {1..10}; do
		wait_until 10 service_is x ".accepted > $((i * 5))"
		kill9_berthd
		start_berthd
	done
	: >"$T/stop"
	wait "${JOBS[-1]}" || :
	wait_until 10 service_is x '.active == 0 and .pending == 0'
	[[ $(sort "$T/numbers" | uniq -d) == "" ]]
	# each handler that wrote its number was accepted by somebody
	service_is x ".accepted >= $(wc -l <"$T/numbers")"
	service_is x '.accepted == .ended + .failed + ([.refused[]] | add)'
}

@test "handlers by status, signal and cause, with what they used" {
	sh_service x 'read how; case $how in kill) kill -SEGV $$ ;; work) i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done ;; *) exit "$how" ;; esac'
	start_berthd
	ask x $'7\n'
	ask x $'7\n'
	ask x $'0\n'
	ask x $'kill\n'
	ask x $'work\n'
	wait_until 10 service_is x '.ended == 5'
	service_is x '.statuses == {"0": 2, "7": 2} and .signals == {"SEGV": 1} and .causes.exit == 5'
	service_is x '.cpu.user + .cpu.system > 0.01 and .max_rss > 500000'
	service_is x '.histograms.lifetime.count == 5 and .histograms.lifetime.sum > 0'
}

@test "buckets come where they are asked for, and add up" {
	sh_service x true
	start_berthd
	ask x
	wait_until 5 service_is x '.ended == 1'
	service_is x '.histograms.spawn.buckets == null'
	run "$dial" "unix:$CONTROL" < <(printf '{"method":"io.berth.Control.List","parameters":{"service":"x","buckets":true}}\0')
	[[ $(tr -d '\0' <<<"$output" | jq '.parameters.services[0].histograms.spawn | .buckets | add == 1 and length == 31') == true ]]
}

@test "a file of another version, or of somebody else, begins anew and says so" {
	sh_service x true
	start_berthd
	ask x
	stop_berthd
	printf 'X' | dd of="$CONTROL.statistics" conv=notrunc status=none
	start_berthd
	wait_log 'statistics: .*not a statistics file of berth; it begins anew'
	service_is x '.accepted == 0'
	stop_berthd
	chmod 666 "$CONTROL.statistics"
	start_berthd
	wait_log 'could have been written by others; it begins anew'
	[[ $(stat -c %a "$CONTROL.statistics") == 600 ]]
}

@test "as root, the file is readable for control.group, and no longer than that is configured" {
	requires root
	conf '{"control": {"group": "mail"}}'
	sh_service x true
	start_berthd
	ask x
	[[ $(stat -c '%a %G' "$CONTROL.statistics") == "640 mail" ]]
	stop_berthd
	jq 'del(.control)' "$CONF" >"$CONF.new" && mv "$CONF.new" "$CONF"
	start_berthd
	[[ $(stat -c %a "$CONTROL.statistics") == 600 && $(stat -c %a "$CONTROL") == 600 ]]
	service_is x '.accepted == 1'
}

@test "a file with holes, as a copy may be, is filled before it is used" {
	sh_service x true
	start_berthd
	ask x
	stop_berthd
	cp --sparse=always "$CONTROL.statistics" "$T/copy"
	mv "$T/copy" "$CONTROL.statistics"
	local size
	size=$(stat -c %s "$CONTROL.statistics")
	(($(stat -c '%b * %B' "$CONTROL.statistics") < size)) || skip "no files with holes here"
	start_berthd
	service_is x '.accepted == 1'
	(($(stat -c '%b * %B' "$CONTROL.statistics") >= size))
}

@test "where the file cannot be, services are served, and it is said" {
	requires root
	mkdir "$CONTROL.statistics"
	sh_service x 'echo hello'
	start_berthd
	wait_log 'statistics: .*what is counted ends with this process'
	run ask x
	assert_output hello
	wait_until 5 service_is x '.ended == 1'
}

@test "a full file system is survived: counters go on in memory" {
	requires root
	mkdir "$T/small"
	# room for the file, not for many services
	mount -t tmpfs -o size=900k tmpfs "$T/small"
	CONTROL=$T/small/control OPTIONS=(-s "$SERVICES" --control "$T/small/control")
	local i
	for i in {1..60}; do
		sh_service "s$i" 'echo hello'
	done
	start_berthd
	wait_log 'statistics: no room for '
	run ask s60
	assert_output hello
	run ask s9
	assert_output hello
	wait_until 5 service_is s60 '.ended == 1'
	stop_berthd
	umount "$T/small"
}

@test "a service that is removed loses its counters, and its slot is used again" {
	local i size
	sh_service keep true
	start_berthd
	size=$(stat -c %s "$CONTROL.statistics")
	for i in {1..40}; do
		sh_service "s$i" true
		ctl reload >/dev/null
		rm "$SERVICES/s$i.json"
		ctl reload >/dev/null
	done
	(($(stat -c %s "$CONTROL.statistics") <= size + 100000))
	sh_service s1 'echo hello'
	ctl reload
	service_is s1 '.accepted == 0'
}

@test "services that are no more after a restart leave no counters behind" {
	sh_service x true
	start_berthd
	ask x
	wait_until 5 service_is x '.ended == 1'
	stop_berthd
	rm "$SERVICES/x.json"
	sh_service y true
	start_berthd
	stop_berthd
	rm "$SERVICES/y.json"
	sh_service x true
	start_berthd
	service_is x '.accepted == 0'
}

# status JQ: what the method Status answers
status() { printf '{"method":"io.berth.Control.Status"}\0' | "$dial" --timeout 5 "unix:$CONTROL" | tr -d '\0' | jq -r ".parameters | $1"; }

@test "Status: berthd, its files and its pool; the peak and the generation go on over restarts" {
	conf '{"limits": {"connections": 7}}'
	sh_service x 'echo up; read line'
	start_berthd
	open_session one "$(at x)"
	heard one up
	[[ $(status '.berthd | [.generation, .statistics, .settings, .directories[0], .log_level] | join(" ")') == "1 $CONTROL.statistics $CONF $SERVICES info" ]]
	[[ $(status '.pool | [.active, .peak, .limit, .shortage] | join(" ")') == "1 1 7 false" ]]
	[[ $(status .pool.arithmetic) == "set by berth.json; computed, "* ]]
	(($(status '.berthd.started | floor') <= EPOCHSECONDS && $(status '.berthd.started | floor') > EPOCHSECONDS - 60))
	printf '{"limits": ' >"$CONF"
	ctl reload || :
	[[ $(status '.berthd.errors[0]') == "$CONF:1:"* ]]
	close_session one
	wait_until 5 service_is x '.active == 0'
	printf '{}' >"$CONF"
	stop_berthd
	start_berthd
	[[ $(status '.berthd.generation') == 2 && $(status '.pool | [.active, .peak] | join(" ")') == "0 1" ]]
	[[ $(status '.berthd.errors | length') == 0 && $(status .pool.arithmetic) != "set by"* ]]
}
