# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "the first directory that has a file name wins" {
	mkdir "$T/low"
	sh_service both 'echo high'
	jq '.exec[2] = "echo low"' "$SERVICES/both.json" >"$T/low/both.json"
	jq '.exec[2] = "echo other"' "$SERVICES/both.json" >"$T/low/other.json"
	start_berthd -s "$T/low"
	run ask both
	assert_output high
	run ask other
	assert_output other
	# without the first, the second shows
	rm "$SERVICES/both.json"
	wait_log '^reload .*changed=1'
	run ask both
	assert_output low
}

@test "a symlink to /dev/null masks a file of a later directory" {
	mkdir "$T/low"
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/low/gone.json"
	ln -s /dev/null "$SERVICES/gone.json"
	start_berthd -s "$T/low"
	run services length
	assert_output 0
	rm "$SERVICES/gone.json"
	wait_until 5 service_is gone '.state == "open"'
	ln -s /dev/null "$SERVICES/gone.json"
	wait_until 5 eval '[[ $(services length) == 0 ]]'
}

@test "a directory that appears later is watched" {
	start_berthd -s "$T/a/b/later"
	mkdir -p "$T/a/b/later"
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/a/b/later/new.json"
	wait_until 5 service_is new '.state == "open"'
	run ask new hello
	assert_output hello
	# and again after it has been away
	rm -r "$T/a"
	wait_until 5 eval '[[ $(services length) == 0 ]]'
	mkdir -p "$T/a/b/later"
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/a/b/later/new.json"
	wait_until 5 service_is new '.state == "open"'
}

@test "two directories that appear later below one parent are both watched" {
	mkdir "$T/p"
	start_berthd -s "$T/p/one" -s "$T/p/two" -s "$T/p/three/deep"
	local name
	for name in one three/deep two; do
		mkdir -p "$T/p/$name"
		echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/p/$name/${name%/*}.json"
		wait_until 5 service_is "${name%/*}" '.state == "open"'
	done
	# and again after they have been away
	rm -r "$T/p"
	wait_until 5 eval '[[ $(services length) == 0 ]]'
	for name in one two; do
		mkdir -p "$T/p/$name"
		echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/p/$name/$name.json"
		wait_until 5 service_is "$name" '.state == "open"'
	done
	run ask one hello
	assert_output hello
}

@test "a target of a dangling symlink is noticed when it appears" {
	local text='{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}'
	mkdir "$T/near"
	ln -s "$T/near/x.json" "$SERVICES/absolute.json"
	ln -s ../near/y.json "$SERVICES/relative.json"
	ln -s "$T/far/off/z.json" "$SERVICES/far.json"
	start_berthd
	echo "$text" >"$T/near/y.json"
	wait_until 5 service_is relative '.state == "open"'
	echo "$text" >"$T/near/.new" && mv "$T/near/.new" "$T/near/x.json"
	wait_until 5 service_is absolute '.state == "open"'
	mkdir -p "$T/far/off"
	echo "$text" >"$T/far/off/z.json"
	wait_until 5 service_is far '.state == "open"'
	# dangling again, and back
	rm "$T/near/x.json"
	wait_until 5 service_is absolute '.state == "invalid"'
	sed s/cat/true/ <<<"$text" >"$T/near/x.json"
	wait_until 5 service_is absolute '.state == "open"'
}

@test "a chain of dangling symlinks is noticed when its last target appears" {
	mkdir "$T/one" "$T/two"
	ln -s "$T/one/a" "$SERVICES/x.json"
	ln -s ../two/b "$T/one/a"
	start_berthd
	service_is x '.state == "invalid"'
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/two/b"
	wait_until 5 service_is x '.state == "open"'
	run ask x hello
	assert_output hello
}

@test "a target of a symlink with a mode that is refused is noticed when it is repaired" {
	requires root
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/target.json"
	chmod 0666 "$T/target.json"
	ln -s "$T/target.json" "$SERVICES/x.json"
	start_berthd
	service_is x '.state == "invalid"'
	chmod 0644 "$T/target.json"
	wait_until 5 service_is x '.state == "open"'
	run ask x hello
	assert_output hello
}

@test "services of berth.json are used unless -s replaces them" {
	mkdir "$T/named"
	conf "{\"services\": [\"$T/named\"]}"
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/named/one.json"
	echo_service two
	OPTIONS=(--control "$CONTROL")
	start_berthd
	run services '.[].name'
	assert_output one
	stop_berthd
	OPTIONS+=(-s "$SERVICES")
	start_berthd
	run services '.[].name'
	assert_output two
}

@test "defaults lie under every service and are read again on reload" {
	conf '{"defaults": {"process": {"environment": {"COLOUR": "red"}}}}'
	sh_service env 'echo "$COLOUR $SIZE"' '{"process": {"environment": {"SIZE": "big"}}}'
	start_berthd
	run ask env
	assert_output "red big"
	conf '{"defaults": {"process": {"environment": {"COLOUR": "blue"}}}}'
	run ctl reload
	assert_success
	run ask env
	assert_output "blue big"
	run ctl show env --json
	assert_output --partial COLOUR
}

@test "a bad berth.json at a reload keeps the old one and says so" {
	conf '{"defaults": {"process": {"environment": {"COLOUR": "red"}}}}'
	sh_service env 'echo "$COLOUR"'
	start_berthd
	echo '{"defaults": {"process"' >"$CONF"
	run ctl reload
	assert_failure 1
	assert_output --regexp 'berth\.json:[0-9]+:[0-9]+: '
	run ask env
	assert_output red
}

@test "control and services of berth.json need a restart, and reload says so" {
	conf "{\"control\": {\"socket\": \"$CONTROL\"}, \"services\": [\"$SERVICES\"]}"
	OPTIONS=()
	start_berthd
	conf "{\"control\": {\"socket\": \"$T/other\"}}"
	run ctl reload
	assert_output --regexp 'control.*next start'
	conf "{\"services\": [\"$T\"]}"
	run ctl reload
	assert_output --regexp 'services.*next start'
}

@test "log format and level change on reload" {
	start_berthd
	conf '{"log": {"format": "json"}}'
	ctl reload
	wait_log '^\{"time":.*"event":"reload"'
	conf '{"log": {"format": "text", "level": "error"}}'
	ctl reload
	echo_service quiet
	ctl reload
	ask quiet hello
	run grep -c 'service=quiet' "$LOG"
	assert_output 0
}
