# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What is wrong in a service file is said precisely: berthctl check uses the same parser.
load ../lib/berth

# wrong JSON PATTERN...: check refuses it and says each pattern
wrong() {
	local json=$1 pattern
	shift
	printf '%s\n' "$json" >"$SERVICES/x.json"
	run check "$SERVICES/x.json"
	assert_failure 1
	for pattern; do
		assert_output --regexp "$pattern"
	done
}

# with MEMBERS: a good service and these members
with() { printf '{"listen": "tcp:127.0.0.1:7777", "exec": ["/bin/cat"], "user": "%s", %s}' "$(id -un)" "$1"; }

@test "a syntax error is said with line and column" {
	wrong $'{\n  "listen": "tcp:7777",\n  "exec": [/bin/cat]\n}' 'x\.json:3:[0-9]+: '
	wrong '{"listen": "tcp:7777", "exec": ["/bin/cat"]} trailing' 'x\.json:1:[0-9]+: '
	wrong '{"listen": "tcp:7777", "exec": ["/bin/cat"],}' 'x\.json:1:[0-9]+: '
	wrong "{'listen': 'tcp:7777'}" 'x\.json:1:[0-9]+: '
}

@test "a duplicate key is an error" {
	wrong $'{"listen": "tcp:7777",\n "exec": ["/bin/cat"],\n "listen": "tcp:7778"}' 'x\.json:3:.*duplicate key "listen"'
	wrong "$(with '"process": {"nice": 1, "nice": 2}')" 'duplicate key "nice"'
}

@test "an unknown key comes with the nearest known one" {
	wrong "$(with '"usr": "nobody"')" '"usr" is not a known key; did you mean "user"'
	wrong "$(with '"limits": {"conections": 5}')" 'limits\.conections.*did you mean "limits\.connections"'
	wrong "$(with '"process": {"working_dir": "/"}')" 'process\.working_dir'
	wrong "$(with '"xyzzy_plugh": 1')" '"xyzzy_plugh" is not a known key$'
}

@test "keys of later versions are unknown, never ignored" {
	local key
	for key in '"tls": {}' '"warm": {}' '"cgroup": {}' '"sandbox": {}' '"ionice": 1' '"limits": {"cps": 5}' \
	    '"timeouts": {"stopp": "1s"}'; do
		wrong "$(with "$key")" 'is not a known key'
	done
}

@test "all errors of a file are reported, not only the first" {
	wrong "$(with '"argv0": 5, "process": {"nice": 99, "umask": 8}, "enabled": "yes"')" \
	    'argv0: ' 'process\.nice: ' 'process\.umask: ' 'enabled: '
}

@test "wrong types name the key and what was found" {
	wrong '{"listen": 7777, "exec": ["/bin/cat"]}' 'listen: .*7777'
	wrong '{"listen": "tcp:7777", "exec": "/bin/cat"}' 'exec: '
	wrong '{"listen": "tcp:7777", "exec": []}' 'exec: '
	wrong '{"listen": "tcp:7777", "exec": ["cat"]}' 'exec.*absolute'
	wrong '{"listen": "tcp:7777", "exec": ["/bin/echo", 5]}' 'exec\[1\]: .*5'
	wrong '{"listen": [], "exec": ["/bin/cat"]}' 'listen: '
	wrong '{"listen": null, "exec": ["/bin/cat"]}' 'listen: '
	wrong "$(with '"process": []')" 'process: .*object'
	wrong "$(with '"stderr": "nul"')" 'stderr: .*"log".*"socket".*"null"'
}

@test "required keys" {
	wrong '{"exec": ["/bin/cat"]}' 'listen: .*required'
	wrong '{"listen": "tcp:7777"}' 'exec: .*required'
}

@test "numbers out of range name the range; nothing is rounded or wrapped" {
	local n
	for n in 0.5 -1 4294967296 1e400 99999999999999999999 1000001 '"5"' true; do
		wrong "$(with "\"limits\": {\"connections\": $n}")" .
	done
	wrong "$(with '"process": {"nice": 20}')" 'nice: .*-20 to 19'
	wrong "$(with '"socket": {"backlog": 0}')" 'backlog: .*1'
	wrong "$(with '"process": {"umask": "0888"}')" 'umask: '
	wrong "$(with '"process": {"oom_score_adj": 1001}')" 'oom_score_adj: '
}

@test "a bare number where a unit is needed says so" {
	wrong "$(with '"timeouts": {"lifetime": 10}')" 'lifetime: .*unit|lifetime: .*"10s"'
	wrong "$(with '"timeouts": {"stop": "10"}')" 'stop: .*unit'
	wrong "$(with '"timeouts": {"stop": "10parsecs"}')" 'stop: '
	wrong "$(with '"process": {"rlimits": {"as": "512X"}}')" 'rlimits\.as: '
	wrong "$(with '"process": {"rlimits": {"nofiles": 5}}')" 'nofiles.*did you mean .*nofile'
}

@test "endpoints that are none" {
	local e
	for e in tcp: 7777 tcp:65536 tcp:-1 tcp:07777x tcp:localhost:80 tcp:no-such-service-name tcp:7010-7000 \
	    tcp:127.0.0.1 'tcp:[::1' tcp:::1:80 tcp:1.2.3:80 tcp:127.0.0.256:80 tcp:1.2.3.04:80 unix: unix:relative sctp:7 \
	    tcp:127.0.0.1: "unix:/$(printf 'x%.0s' {1..120})" 'tcp: 80' 'tcp:0x50' 'tcp:[127.0.0.1]:80'; do
		printf '{"listen": "%s", "exec": ["/bin/cat"]}\n' "$e" >"$SERVICES/x.json"
		run check "$SERVICES/x.json"
		((status == 1)) || fail "$e was accepted"
		assert_output --partial listen
	done
}

@test "users and groups that are none, and -1" {
	requires root
	wrong '{"listen": "tcp:7777", "exec": ["/bin/cat"], "user": "no-such-user"}' 'user: .*no-such-user'
	wrong "$(with '"group": "no-such-group"')" 'group: .*no-such-group'
	wrong '{"listen": "tcp:7777", "exec": ["/bin/cat"], "user": 4294967295}' 'user: '
	wrong '{"listen": "tcp:7777", "exec": ["/bin/cat"], "user": -1}' 'user: '
	wrong '{"listen": "tcp:7777", "exec": ["/bin/cat"], "user": ""}' 'user: '
}

@test "as root, user is required" {
	requires root
	jq 'del(.defaults.user)' "$CONF" >"$CONF.new" && mv "$CONF.new" "$CONF"
	wrong '{"listen": "tcp:7777", "exec": ["/bin/cat"]}' 'user: '
}

@test "environment may not set what berth sets, nor be malformed" {
	local name
	for name in PROTO TCPREMOTEIP REMOTE_ADDR BERTH_SERVICE LISTEN_FDS LISTEN_PID; do
		wrong "$(with "\"process\": {\"environment\": {\"$name\": \"x\"}}")" "$name"
	done
	wrong "$(with '"process": {"environment": {"A=B": "x"}}')" 'environment'
	wrong "$(with '"process": {"environment": {"": "x"}}')" 'environment'
	wrong "$(with '"process": {"environment": {"A": 5}}')" 'environment\.A'
}

@test "two endpoints of one file that exclude each other" {
	wrong '{"listen": ["tcp:7777", "tcp:7777"], "exec": ["/bin/cat"]}' listen
	wrong '{"listen": ["tcp:7000-7005", "tcp:7003"], "exec": ["/bin/cat"]}' listen
}

@test "control bytes of a file never reach a terminal" {
	printf '{"listen": "tcp:7777\\u001b[31m", "ex\x1b[2Jec": 1, "\\u001b]0;x\\u0007": 2, "user": "\\u009b1m\\n"}' >"$SERVICES/x.json"
	run check "$SERVICES/x.json"
	assert_failure 1
	run grep -cP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$output"
	assert_output 0
	echo '{"listen": "tcp:7777\u001b[31m", "user": "\u001b\n\u009b", "\u001b]0;x\u0007\ninvalid service=fake": 2}' >"$SERVICES/x.json"
	start_berthd
	wait_log 'invalid service=x'
	run grep -cP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$LOG"
	assert_output 0
	run grep -c '^invalid service=fake' "$LOG"
	assert_output 0
	run ctl list
	run grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$output"
	assert_output 0
}

@test "a check of a directory reports all errors of all files" {
	echo_service good
	service one '{"listen": "tcp:7777"}'
	service two '{'
	run check "$SERVICES"
	assert_failure 1
	assert_output --partial one.json
	assert_output --partial two.json:
}

@test "defaults are checked when berth.json is read" {
	conf '{"defaults": {"process": {"nice": 99}, "listen": "tcp:1"}}'
	run_berthd -t -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 78
	assert_output --partial "defaults.process.nice"
	assert_output --partial "defaults.listen"
}
