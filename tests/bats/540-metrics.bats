# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: iproute2 curl
# packages-full: prometheus python3-prometheus-client
load ../lib/berth

MANUAL=$BATS_TEST_DIRNAME/../../man/berth-metrics.7
SAMPLE=$BATS_TEST_DIRNAME/../../services.d/metrics.json
CLIENT=/usr/lib/python3/dist-packages/prometheus_client

# parsed: all metrics, read by a parser that is not ours, in $T/parsed
parsed() { ctl metrics | "$BATS_TEST_DIRNAME/../peers/openmetrics.py" >"$T/parsed"; }
# metric SAMPLE-NAME JQ-CONDITION-ON-LABELS: its values, one a line
metric() {
	jq -r --arg n "$1" '[.[].samples[] | select(.name == $n)] | .[] | select(.labels | '"${2:-true}"') | .value' "$T/parsed"
}
# one_is SAMPLE-NAME JQ-CONDITION VALUE: there is exactly one, and it is that
one_is() { [[ $(metric "$1" "$2") == "$3" ]] || fail "$1 where $2: $(metric "$1" "$2"), not $3"; }

sum() { jq -s add; }

# metrics_service [JSON]: the sample, but on a port of the kernel's choice and of this berthd
metrics_service() {
	local group='{}'
	peer_berthctl
	if ((EUID == 0)); then
		conf '{"control": {"group": "adm"}}'
		group='{"group": "adm"}'
	fi
	service metrics "$(jq --argjson more "${1:-{\}}" --argjson group "$group" --arg ctl "$T/berthctl" --arg c "$CONTROL" \
	    '.enabled = true | .listen = "tcp:127.0.0.1:0" | .exec[0] = $ctl | .exec[2] = $c | . * $group * $more' "$SAMPLE")"
}
# where every user can execute it
peer_berthctl() { install -m 0755 "$BUILD/berthctl" "$T/berthctl"; }

url() { echo "http://127.0.0.1:$(port_of metrics)${1-/metrics}"; }
get() { curl -sS --max-time 20 "$@"; }
status_of() { get -o /dev/null -w '%{http_code}' "$@"; }
accounts_settled() { service_is "$1" '.active == 0 and .pending == 0'; }

# A few services in all states, of all kinds, that say what they should not
hostile_services() {
	echo_service 'a.b@c-d_e' '{"description": "\"} 1\n# EOF\nberth_up 0\n\\"}'
	echo_service colours '{"description": "\u001b[31mred\u009b\r\t é 字"}'
	service unix "{\"listen\": \"unix:$T/quote\\\"back\\\\slash\", \"exec\": [\"/bin/cat\"]}"
	service datagrams '{"listen": "udp:127.0.0.1:0", "builtin": "echo"}'
	service off '{"enabled": false, "listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}'
	service bad '{"listen": "tcp:127.0.0.1:0", "exec": "/bin/cat"}'
	service absent '{"listen": "tcp:127.0.0.1:0", "exec": ["/nonexistent/program"]}'
	service taken "{\"listen\": [\"unix:$T/nonexistent/a\", \"unix:$T/nonexistent/b\"], \"exec\": [\"/bin/cat\"]}"
}

# ---- the text ----

@test "promtool has nothing to say about the text format, whatever descriptions say" {
	requires full promtool
	hostile_services
	start_berthd
	ask a.b@c-d_e hello
	wait_until 5 accounts_settled a.b@c-d_e
	ctl metrics --text >"$T/text"
	run promtool check metrics <"$T/text"
	assert_success
	assert_output ''
	# and it looks at what it is given
	sed 's/^# HELP berth_up .*//' "$T/text" >"$T/worse"
	run promtool check metrics <"$T/worse"
	assert_failure
	assert_output 'berth_up no help text'
}

@test "a strict parser of OpenMetrics reads what was meant, whatever descriptions say" {
	requires full "$CLIENT"
	hostile_services
	start_berthd
	parsed
	one_is berth_up true 1
	one_is berth_build_info ".version == \"$("$BUILD/berthctl" -V | cut -d' ' -f2)\"" 1
	one_is berth_service_info '.service == "a.b@c-d_e" and .description == "\"} 1\n# EOF\nberth_up 0\n\\"' 1
	one_is berth_service_info '.service == "colours" and .description == "\\x1b[31mred\\xc2\\x9b\\x0d\\x09 é 字"' 1
	one_is berth_service_queue '.service == "unix"' 0
	one_is berth_service_queue '.service == "datagrams"' ''
	one_is berth_service_endpoints '.service == "unix" and .state == "listening"' 1
	one_is berth_service_endpoints '.service == "taken" and .state == "waiting"' 2
	one_is berth_service_errors '.service == "bad"' 1
	one_is berth_service_warnings '.service == "absent"' 1
	one_is berth_service_errors '.service == "absent"' 0
	local name
	for name in $(services '.[].name'); do
		# exactly one state, the one that list has
		one_is berth_service_state ".service == \"$name\" and .berth_service_state == \"$(state_of "$name")\"" 1
		[[ $(metric berth_service_state ".service == \"$name\"" | sum) == 1 ]]
	done
}

@test "both formats have the same samples" {
	hostile_services
	start_berthd
	ctl metrics | grep -v '^#' >"$T/new"
	ctl metrics --text | grep -v '^#' >"$T/old"
	diff "$T/new" "$T/old"
	[[ $(ctl metrics | tail -n 1) == '# EOF' ]]
	refute grep -q EOF <(ctl metrics --text | tail -n 1)
}

@test "nothing that steers a terminal is printed" {
	hostile_services
	start_berthd
	ctl metrics >"$T/text"
	grep -q 'description="\\\\x1b\[31mred' "$T/text"
	refute grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$T/text"
}

@test "without a berthd it says berth_up 0, and nothing else" {
	run --separate-stderr ctl metrics
	assert_failure 69
	assert_output "$(printf '# TYPE berth_up gauge\n# HELP berth_up Whether berthd answers.\nberth_up 0\n# EOF')"
	[[ $stderr == *'no daemon there'* ]]
	run ctl metrics --text --http
	assert_failure 64
}

# ---- the numbers ----

@test "a berthd that is late with one answer and hangs with the next: 503, by one deadline for both" {
	LEAVES_SOCKET=1
	background python3 -c 'import json, socket, sys, threading, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
def late(c):
    if b"Status" in c.recv(4096):
        time.sleep(8)
        c.sendall(json.dumps({"parameters": {"berthd": {}, "pool": {}}}).encode() + b"\0")
    time.sleep(100)
while True: threading.Thread(target=late, args=s.accept()[:1], daemon=True).start()' "$CONTROL"
	wait_until 10 test -S "$CONTROL"
	run bash -c "{ printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'; sleep 0.1; } |
	    timeout 40 '$BUILD/berthctl' --control '$CONTROL' metrics --http"
	assert_failure 69
	assert_output --partial 'HTTP/1.1 503 '
	assert_output --partial "$CONTROL: the daemon does not answer: there was no answer within 5 seconds"
}

@test "every number of list is there, under the same words" {
	requires full "$CLIENT"
	sh_service x 'read how; case $how in kill) kill -SEGV $$ ;; hold) read l ;; *) exit "$how" ;; esac' \
	    '{"limits": {"connections": 3, "connections_per_source": 2}}'
	sh_service guarded true '{"access": {"deny": ["127.0.0.2"]}}'
	service absent '{"listen": "tcp:127.0.0.1:0", "exec": ["/nonexistent/program"]}'
	echo_service full '{"limits": {"connections": 1}}'
	start_berthd
	open_session only "$(at full)"
	say only hello
	ask x $'0\n'
	ask x $'7\n'
	ask x $'7\n'
	ask x $'kill\n'
	ask guarded
	"$dial" --timeout 5 --source 127.0.0.2 "$(at guarded)" </dev/null || :
	ask absent || :
	open_session one "$(at x)"
	say one hold
	wait_until 5 service_is x '.ended == 4 and .active == 1'
	wait_until 5 service_is guarded '.ended == 1 and .refused.denied == 1'
	wait_until 5 service_is absent '.failed == 1'
	wait_until 5 service_is full '.gate == "service-full"'
	parsed
	ctl list --json | jq .services >"$T/list"
	one_is berth_service_exit_status_total '.service == "x" and .status == "7"' 2
	one_is berth_service_exit_signal_total '.service == "x" and .signal == "SEGV"' 1
	one_is berth_service_refused_total '.service == "guarded" and .reason == "denied"' 1
	one_is berth_service_failed_total '.service == "absent"' 1
	one_is berth_service_gate '.service == "full" and .reason == "service-full"' 1
	one_is berth_service_gate '.service == "x"' ''
	one_is berth_service_limit '.service == "x"' 3
	jq -n --slurpfile l "$T/list" --slurpfile m "$T/parsed" -f /dev/stdin >"$T/differ" <<'JQ'
		def samples($n; $s): [$m[0][].samples[] | select(.name == $n and .labels.service == $s)];
		def family($s; $value; $n): {what: [$s, $n], list: $value, metrics: (samples($n; $s) | map(.value) | first)};
		def members($s; $object; $n; $key): {what: [$s, $n], list: $object,
			metrics: (samples($n; $s) | map({(.labels[$key]): .value}) | add // {})};
		[$l[0][] | .name as $s |
			(to_entries[] | select(.key | IN("accepted", "failed", "evicted", "dropped")) |
				family($s; .value; "berth_service_\(.key)_total")),
			(to_entries[] | select(.key | IN("pending", "active", "peak", "limit")) |
				family($s; .value; "berth_service_\(.key)")),
			family($s; .max_rss; "berth_service_max_rss_bytes"),
			family($s; .received; "berth_service_received_bytes_total"),
			family($s; .sent; "berth_service_sent_bytes_total"),
			members($s; .refused; "berth_service_refused_total"; "reason"),
			members($s; .causes; "berth_service_ended_total"; "cause"),
			members($s; .statuses; "berth_service_exit_status_total"; "status"),
			members($s; .signals; "berth_service_exit_signal_total"; "signal"),
			members($s; .cpu; "berth_service_cpu_seconds_total"; "mode"),
			{what: [$s, "ended"], list: .ended,
				metrics: (samples("berth_service_ended_total"; $s) | map(.value) | add)}
		] | {asked: length, differ: map(select(.list != .metrics))}
JQ
	run jq -c . "$T/differ"
	assert_output '{"asked":68,"differ":[]}'
	# what the accounts say, of metrics alone
	local name
	for name in x guarded absent full; do
		[[ $(metric berth_service_accepted_total ".service == \"$name\"") == $(
			for m in pending active failed_total ended_total refused_total; do
				metric "berth_service_$m" ".service == \"$name\""
			done | sum) ]] || fail "the accounts of $name"
	done
	close_session one
	close_session only
}

@test "berthd and its pool, as status has them" {
	requires full "$CLIENT"
	echo_service x
	start_berthd
	open_session one "$(at x)"
	say one hello
	heard one hello
	parsed
	ctl metrics --json >"$T/answer"
	one_is berth_pool_active true 1
	one_is berth_pool_peak true "$(jq .pool.peak "$T/answer")"
	one_is berth_pool_limit true "$(jq .pool.limit "$T/answer")"
	one_is berth_pool_shortage true 0
	one_is berth_generation true "$(jq .berthd.generation "$T/answer")"
	one_is berth_start_time_seconds true "$(jq .berthd.started "$T/answer")"
	one_is berth_statistics_kept true 1
	one_is berth_stopping true 0
	close_session one
}

@test "histograms add up, and to what list says" {
	requires full "$CLIENT"
	sh_service x 'read line; echo $line'
	start_berthd
	"$flood" -n 60 -c 6 --send $'hello\n' --expect $'hello\n' "$(at x)" >/dev/null
	wait_until 10 service_is x '.accepted == 60 and .ended == 60'
	parsed
	ctl list --json >"$T/list"
	local h
	for h in queue_wait spawn lifetime; do
		run jq -c --arg h "$h" --slurpfile l "$T/list" '
			."berth_service_\($h)_seconds" as $f |
			($l[0].services[0].histograms[$h]) as $want |
			[$f.samples[] | select(.name | endswith("_bucket"))] as $b |
			($b | map(.value)) as $n |
			{unit: $f.unit, type: $f.type, buckets: ($b | length), last: ($b[-1].labels.le),
			 bounds: ($b[:-1] | map(.labels.le | tonumber) | . == sort and unique == .),
			 cumulative: ($n == ($n | sort)), all: $n[-1],
			 count: [$f.samples[] | select(.name | endswith("_count")) | .value],
			 sum: ([$f.samples[] | select(.name | endswith("_sum")) | .value] == [$want.sum] and $want.sum > 0)}' "$T/parsed"
		assert_output '{"unit":"seconds","type":"histogram","buckets":31,"last":"+Inf","bounds":true,"cumulative":true,"all":60,"count":[60],"sum":true}'
	done
}

# ---- over HTTP ----

@test "the sample is disabled and on loopback; its handler serves a scrape of OpenMetrics or text" {
	run jq -c '[.enabled, .listen, .exec[3:]]' "$SAMPLE"
	assert_output '[false,"tcp:127.0.0.1:7025",["metrics","--http"]]'
	run jq -r .description "$SAMPLE"
	assert_output --partial 'Whoever can reach the port can read'
	metrics_service
	start_berthd
	get -D "$T/head" -o "$T/body" "$(url)"
	grep -q '^HTTP/1.1 200 ' "$T/head"
	grep -qi $'^content-type: text/plain; version=0.0.4; charset=utf-8\r$' "$T/head"
	grep -qx '# TYPE berth_build_info gauge' "$T/body"
	grep -qx 'berth_service_active{service="metrics"} 1' "$T/body"
	# as Prometheus asks
	get -D "$T/head" -o "$T/body" -H 'Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1' "$(url)"
	grep -qi $'^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r$' "$T/head"
	[[ $(tail -n 1 "$T/body") == '# EOF' ]]
	# one that likes text more, and one that knows another version only
	[[ $(get -H 'Accept: text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.4' "$(url)" | tail -n 1) != '# EOF' ]]
	[[ $(get -H 'Accept: application/openmetrics-text;version=0.0.1' "$(url)" | tail -n 1) != '# EOF' ]]
	wait_until 5 service_is metrics '.ended == 4 and .statuses == {"0": 4}'
	# and nothing of it stands in the log
	refute grep -aq 'service=metrics' <(grep -aE '^(start|exit|stderr) ' "$LOG")
}

@test "HEAD is like GET without the body; other paths and methods are refused" {
	metrics_service
	start_berthd
	get -I "$(url)" >"$T/head"
	grep -q '^HTTP/1.1 200 ' "$T/head"
	(($(sed -n 's/^Content-Length: \([0-9]*\)\r$/\1/p' "$T/head") > 5000))
	[[ $(status_of "$(url /)") == 404 ]]
	[[ $(status_of "$(url /metrics/)") == 404 ]]
	[[ $(status_of "$(url '/metrics?name=up')") == 200 ]]
	get -D "$T/head" -o /dev/null -d x=1 "$(url)"
	grep -q '^HTTP/1.1 405 ' "$T/head"
	grep -q $'^Allow: GET, HEAD\r$' "$T/head"
	[[ $(status_of -X DELETE "$(url)") == 405 ]]
	# a page of somebody else's whose name leads here
	[[ $(status_of -H 'Host: evil.example' "$(url)") == 421 ]]
	wait_until 5 service_is metrics '.statuses == {"0": 7}'
}

@test "junk, an oversized head and a client that leaves early harm nobody" {
	metrics_service
	start_berthd
	[[ $(ask metrics $'\x16\x03\x01junk\r\n\r\n') == 'HTTP/1.1 400 '* ]]
	[[ $(ask metrics $'GET /metrics HTTP/1.1\n\n') == 'HTTP/1.1 400 '* ]]
	[[ $(ask metrics $'GET /metrics HTTP/3.0\r\n\r\n') == 'HTTP/1.1 505 '* ]]
	run ask metrics "$(printf 'GET /metrics HTTP/1.0\r\nX: '; head -c 20000 /dev/zero | tr '\0' x)"
	assert_line --index 0 --partial 'HTTP/1.1 431 '
	# half a request, and the end
	run ask metrics $'GET /metrics HTTP/1.1\r\nHo'
	assert_output ''
	[[ $(status_of "$(url)") == 200 ]]
	wait_until 5 service_is metrics '.ended == 6 and .signals == {} and .statuses == {"0": 6}'
}

@test "a request that comes in pieces is served; one that never ends is answered with 408" {
	metrics_service
	start_berthd
	open_session slow "$(at metrics)"
	open_session never "$(at metrics)"
	say slow $'GET /metrics HTTP/1.0\r'
	say never $'GET /metrics HTTP/1.0\r'
	wait_until 5 service_is metrics '.active == 2'
	say slow $'\r'
	heard slow '^berth_service_active\{service="metrics"\} 2'
	# ten seconds
	heard never '^HTTP/1.1 408 ' 25
	wait_until 5 service_is metrics '.statuses == {"0": 2}'
	close_session slow
	close_session never
}

@test "clients that hold all places are ended, and the next scrape is served" {
	metrics_service '{"timeouts": {"first_byte": "2s", "lifetime": "4s"}}'
	start_berthd
	open_hold 4 "$(at metrics)"
	held
	wait_until 5 service_is metrics '.active == 4'
	[[ $(status_of "$(url)") == 200 ]]
	wait_until 5 service_is metrics '.causes["first-byte"] >= 1 and .ended == 5'
	close_hold
}

@test "a handler outside the control group gets nothing: 503, and the log says why" {
	requires root
	metrics_service '{"group": "nogroup"}'
	start_berthd
	run get -w '%{http_code}' "$(url)"
	assert_output --partial 503
	refute_output --partial berth_
	wait_log 'stderr service=metrics .*not allowed to connect'
}

@test "a real prometheus scrapes berth, and PromQL gives what list gives" {
	requires full prometheus promtool
	requires program ss
	metrics_service
	sh_service x 'read how; exit "$how"'
	start_berthd
	local i port
	for i in 0 0 0 7; do ask x "$i"$'\n'; done
	wait_until 5 service_is x '.ended == 4'
	cat >"$T/prometheus.yml" <<YAML
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: berth
    static_configs: [ { targets: ["127.0.0.1:$(port_of metrics)"] } ]
YAML
	background prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/prometheus" \
	    --web.listen-address=127.0.0.1:0 --log.level=warn >"$T/prometheus.log" 2>&1
	listening() { port=$(ss -Hltnp | sed -n "s/.*127.0.0.1:\([0-9]*\) .*pid=${JOBS[-1]},.*/\1/p") && [[ -n $port ]]; }
	wait_until 30 listening
	# value QUERY: of all that it gives, one a line
	value() { get --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" | jq -r '.data.result[].value[1]'; }
	is() { [[ $(value "$1") == "$2" ]]; }
	wait_until 30 is 'up{job="berth"}' 1 || fail "$(cat "$T/prometheus.log")"
	wait_until 10 is 'berth_service_accepted_total{service="x"}' 4
	is 'berth_service_exit_status_total{service="x",status="7"}' 1
	is 'sum(berth_service_ended_total{service="x"})' "$(services '.[] | select(.name == "x") | .ended')"
	is 'berth_service_peak{service="x"}' "$(services '.[] | select(.name == "x") | .peak')"
	is 'berth_service_lifetime_seconds_bucket{service="x",le="+Inf"}' 4
	is 'berth_pool_limit' "$(ctl metrics --json | jq .pool.limit)"
	is 'count(berth_build_info)' 1
	# what the manual proposes is answered; what needs no history with something
	local query seen=0
	while read -r query; do
		run get --data-urlencode "query=$query" "http://127.0.0.1:$port/api/v1/query"
		[[ $(jq -r .status <<<"$output") == success ]] || fail "$query: $output"
		((++seen))
	done < <(block queries | grep -v -e '^#' -e '^$')
	((seen >= 15))
	is 'count(berth_service_active / berth_service_limit)' 2
	is 'count(berth_service_active * on (instance, service) group_left (description) berth_service_info)' 2
	# it goes on
	ask x $'0\n'
	wait_until 10 is 'berth_service_accepted_total{service="x"}' 5
}

# ---- the manual ----

# block WORD: the literal block of the manual after the comment that begins with it
block() { sed -n "/^\\.\\\\\" $1:/,/^\\.Ed/p" "$MANUAL" | sed -e '/^\./d'; }

@test "the manual has every metric with its type, and no other" {
	echo_service x
	start_berthd
	ctl metrics | sed -n 's/^# TYPE //p' | sed -E -e 's/ counter$/_total counter/' -e 's/ info$/_info info/' | sort >"$T/real"
	sed -n 's/^\.It Li \(berth_[a-z_]*\) Pq \([a-z]*\)$/\1 \2/p' "$MANUAL" | sort >"$T/manual"
	(($(wc -l <"$T/real") > 35))
	diff "$T/real" "$T/manual"
}

@test "queries and alerts of the manual are about metrics that there are" {
	echo_service x
	start_berthd
	ctl metrics --text | sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' >"$T/real"
	{ block queries; block rules; } | grep -v '^#' | grep -oE 'berth_[a-z_]+' | sed -E 's/(_seconds)_(bucket|sum|count)$/\1/' |
	    sort -u >"$T/used"
	(($(wc -l <"$T/used") > 20))
	run grep -vxF -f "$T/real" "$T/used"
	assert_output ''
}

@test "every alert of the manual is right PromQL, fires when it should, and not when all is well" {
	requires full promtool
	block rules >"$T/rules.yml"
	run promtool check rules "$T/rules.yml"
	assert_success
	local alerts
	alerts=$(grep -c -- '- alert:' "$T/rules.yml")
	((alerts > 10))
	assert_output --partial "$alerts rules found"
	cat >"$T/test.yml" <<'YAML'
rule_files: [ rules.yml ]
evaluation_interval: 1m
tests:
  - name: ill
    interval: 1m
    input_series:
      - { series: 'up{job="berth",instance="h"}', values: '0x60' }
      - { series: 'berth_start_time_seconds{instance="h"}', values: '1+1x60' }
      - { series: 'berth_settings_errors{instance="h"}', values: '1x60' }
      - { series: 'berth_statistics_kept{instance="h"}', values: '0x60' }
      - { series: 'berth_log_dropped_total{instance="h"}', values: '0+1x60' }
      - { series: 'berth_pool_active{instance="h"}', values: '99x60' }
      - { series: 'berth_pool_limit{instance="h"}', values: '100x60' }
      - { series: 'berth_pool_shortage{instance="h"}', values: '0 1 0 1 0 1x60' }
      - { series: 'berth_service_endpoints{instance="h",service="x",state="waiting"}', values: '1x60' }
      - { series: 'berth_service_gate{instance="h",service="x",reason="throttled"}', values: '1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1x60' }
      - { series: 'berth_service_failed_total{instance="h",service="x"}', values: '0+1x60' }
      - { series: 'berth_service_exit_signal_total{instance="h",service="x",signal="SEGV"}', values: '0+1x60' }
      - { series: 'berth_service_active{instance="h",service="x"}', values: '10x60' }
      - { series: 'berth_service_limit{instance="h",service="x"}', values: '10x60' }
      - { series: 'berth_service_refused_total{instance="h",service="x",reason="service-full"}', values: '0+5x60' }
      - { series: 'berth_service_queue_wait_seconds_bucket{instance="h",service="x",le="1.0"}', values: '0+1x60' }
      - { series: 'berth_service_queue_wait_seconds_bucket{instance="h",service="x",le="5.0"}', values: '0+9x60' }
      - { series: 'berth_service_queue_wait_seconds_bucket{instance="h",service="x",le="+Inf"}', values: '0+10x60' }
    promql_expr_test:
      - expr: count(count by (alertname) (ALERTS{alertstate="firing"}))
        eval_time: 30m
        exp_samples: [ { value: ALERTS_OF_THE_MANUAL } ]
  - name: well
    interval: 1m
    input_series:
      - { series: 'up{job="berth",instance="h"}', values: '1x60' }
      - { series: 'berth_up{instance="h"}', values: '1x60' }
      - { series: 'berth_start_time_seconds{instance="h"}', values: '1x20 2x40' }
      - { series: 'berth_settings_errors{instance="h"}', values: '0x60' }
      - { series: 'berth_service_errors{instance="h",service="x"}', values: '0x60' }
      - { series: 'berth_statistics_kept{instance="h"}', values: '1x60' }
      - { series: 'berth_log_dropped_total{instance="h"}', values: '3x60' }
      - { series: 'berth_pool_active{instance="h"}', values: '50x60' }
      - { series: 'berth_pool_limit{instance="h"}', values: '100x60' }
      - { series: 'berth_pool_shortage{instance="h"}', values: '0x60' }
      - { series: 'berth_service_endpoints{instance="h",service="x",state="waiting"}', values: '0x60' }
      - { series: 'berth_service_gate{instance="h",service="x",reason="service-full"}', values: '1x60' }
      - { series: 'berth_service_failed_total{instance="h",service="x"}', values: '7x60' }
      - { series: 'berth_service_exit_signal_total{instance="h",service="x",signal="TERM"}', values: '0+10x60' }
      - { series: 'berth_service_active{instance="h",service="x"}', values: '5x60' }
      - { series: 'berth_service_limit{instance="h",service="x"}', values: '10x60' }
      - { series: 'berth_service_refused_total{instance="h",service="x",reason="denied"}', values: '0+5x60' }
      - { series: 'berth_service_queue_wait_seconds_bucket{instance="h",service="x",le="1.0"}', values: '0+95x60' }
      - { series: 'berth_service_queue_wait_seconds_bucket{instance="h",service="x",le="+Inf"}', values: '0+100x60' }
    promql_expr_test:
      - { expr: 'count(ALERTS)', eval_time: 30m, exp_samples: [] }
YAML
	sed -i "s/ALERTS_OF_THE_MANUAL/$alerts/" "$T/test.yml"
	run promtool test rules "$T/test.yml"
	assert_success
}

@test "what is installed names the programs where they were put" {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -o all -C "$BATS_TEST_DIRNAME/../.." \
	    install B="$BUILD" DESTDIR="$T/tree" PREFIX=/opt/berth
	run jq -r '.exec[0]' "$T/tree/opt/berth/share/berth/services.d/metrics.json"
	assert_output /opt/berth/bin/berthctl
	[[ -x $T/tree$output && -f $T/tree/opt/berth/share/man/man7/berth-metrics.7 ]]
}
