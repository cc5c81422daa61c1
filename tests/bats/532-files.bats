# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What berthctl makes: service files to begin with, schemas, completion.
#
# packages: python3-jsonschema zsh bash-completion
load ../lib/berth

# ---- new ----

@test "new: a file that check accepts without a warning, and that is served as it is" {
	local port
	port=$(free_port)
	start_berthd
	run ctl new hello --directory "$SERVICES" --listen "tcp:127.0.0.1:$port"
	assert_success
	assert_output --partial "$SERVICES/hello.json"
	run check "$SERVICES/hello.json"
	assert_success
	refute_output --regexp 'warning|error'
	wait_until 5 service_is hello '.state == "open" and .warnings == []'
	assert_equal "$("$dial" "tcp:127.0.0.1:$port" <<<hi)" hi
	# and nothing else is left there
	assert_equal "$(ls -A "$SERVICES")" hello.json
	assert_equal "$(stat -c %a "$SERVICES/hello.json")" 644
}

@test "new: each key is explained in the description, in the words of the schema" {
	cd "$T"
	run ctl new hello
	assert_success
	local key text
	while IFS=$'\t' read -r key text; do
		[[ $(jq -r .description hello.json) == *" $key: $text"* ]] || fail "$key is not explained: $text"
	done < <(jq -r --slurpfile schema <("$BUILD/berthctl" schema) '
	    del(.description) | paths as $p | select(all($p[]; type == "string")) |
	    reduce $p[] as $k ($schema[0]; .properties[$k]) as $s | select($s.properties == null) |
	    "\($p | join("."))\t\($s.description)"' hello.json)
	((${#key} == 0))
	run jq -r '.listen, .exec[0], .limits.connections, .limits.connections_per_source, .timeouts.lifetime' hello.json
	assert_output "tcp:127.0.0.1:7000
/bin/cat
50
10
1d"
}

@test "new: what is given stands in it" {
	run ctl new hello -d "$T" --listen unix:/run/x --exec /bin/date --json
	assert_success
	assert_equal "$(jq -r .file <<<"$output")" "$T/hello.json"
	assert_equal "$(jq -c .service <<<"$output")" "$(jq -c . "$T/hello.json")"
	assert_equal "$(jq -r '.listen, .exec[0]' "$T/hello.json" | xargs)" 'unix:/run/x /bin/date'
}

@test "new: no file is written over, not through a link either" {
	echo precious >"$T/a.json"
	ln -s "$T/target" "$T/b.json"
	local name
	for name in a b; do
		run ctl new "$name" --directory "$T"
		assert_failure 1
		assert_output --partial "$name.json: is there already"
	done
	assert_equal "$(<"$T/a.json")" precious
	[[ ! -e $T/target ]]
	assert_equal "$(find "$T" -name '.[ab].*')" ''
}

@test "new: a bad name, endpoint, program or directory is refused, and nothing is written" {
	local name
	mkdir "$T/empty"
	cd "$T/empty"
	for name in '' .x ../x a/b 'a b' -x 'a$'; do
		run ctl new -- "$name"
		assert_failure 64
	done
	run ctl new x --listen 7000
	assert_failure 1
	assert_output --partial 'listen'
	run ctl new x --exec cat
	assert_failure 1
	assert_output --partial 'absolute path'
	run ctl new x --directory ''
	assert_failure 64
	run ctl new x --directory "$T/none"
	assert_failure 1
	assert_output --partial 'No such file or directory'
	assert_equal "$(ls -A "$T/empty")" ''
}

# ---- schema ----

# invalid WHICH FILE...: prints those that a validator which is not ours does not take
invalid() {
	"$BUILD/berthctl" schema "$1" >"$T/schema.json"
	python3 -c '
import json, jsonschema, sys
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for name in sys.argv[2:]:
    if not validator.is_valid(json.load(open(name))): print(name.rpartition("/")[2])' "$T/schema.json" "${@:2}"
}
# write JSON...: as 1.json and so on
write() {
	local n=0 json
	for json; do
		((++n))
		printf '%s' "$json" >"$T/$n.json"
	done
}

@test "schema: every sample is valid by it, and so is the file of new" {
	ctl new hello --directory "$T"
	run invalid service "$BATS_TEST_DIRNAME"/../../services.d/*.json "$T/hello.json"
	assert_success
	assert_output ''
}

@test "schema: a key that is not known, a wrong type and a missing key are no valid service" {
	write '{"listen": "tcp:1", "exec": ["/x"], "limit": {}}' '{"listen": 5, "exec": ["/x"]}' '{"exec": ["/x"]}' \
	    '{"listen": "tcp:1", "exec": ["/x"], "limits": {"conections": 5}}' '[]' '{"listen": "tcp:1", "exec": ["/x"]}'
	run invalid service "$T"/[1-6].json
	assert_output "1.json
2.json
3.json
4.json
5.json"
}

@test "schema settings: berth.json, with defaults of services in it" {
	write '{"log": {"levle": "info"}}' '{"limits": {"connections": "x"}}' '{"defaults": {"listen": "tcp:1"}}' \
	    '{"defaults": {"limits": {"conections": 5}}}' \
	    '{"limits": {"connections": 100}, "log": {"level": "debug"}, "stop_grace": "leave",
	      "defaults": {"user": "nobody", "limits": {"connections": 5}}}'
	run invalid settings "$T"/[1-5].json
	assert_output "1.json
2.json
3.json
4.json"
}

# keys_of WHICH: the dotted names in its schema
keys_of() {
	"$BUILD/berthctl" schema "$1" | jq -r 'paths(objects) | select(.[-2] == "properties") |
	    select(all(.[]; type == "string" and . != "items" and . != "anyOf")) | map(select(. != "properties")) |
	    join(".") | select(test("^defaults") | not)'
}

@test "schema: the same keys as check knows, in both files" {
	# each with a value that no key has: check complains of the value, not of the key
	local which key n=0
	mkdir "$T/keys"
	for which in service settings; do
		keys_of "$which" >"$T/$which"
	done
	(($(wc -l <"$T/service") > 80 && $(wc -l <"$T/settings") > 8))
	jq -R --arg d "$T/keys" '. as $key | {} | setpath($key | split("."); [[[]]])' "$T/service" | jq -c . >"$T/all"
	while read -r line; do
		((++n))
		printf '%s\n' "$line" >"$T/keys/k$n.json"
	done <"$T/all"
	run check "$T/keys"
	assert_failure 1
	n=0
	while read -r key; do
		[[ $output == *"k$((++n)).json: $key"* ]] || fail "$key: $(grep "k$n.json" <<<"$output")"
	done <"$T/service"
	while read -r key; do
		jq -n --arg k "$key" 'setpath($k | split("."); [[[]]])' >"$T/x.json"
		run "$BUILD/berthctl" check -c "$T/x.json" "$T/keys/k1.json"
		assert_output --partial "x.json: $key"
	done <"$T/settings"
}

# ---- completion ----

# completes SHELL LINE WANTED: one TAB
completes() {
	run timeout 50 "$BATS_TEST_DIRNAME/../lib/complete" "$1" "$T/completion.$1" "$2"
	assert_success
	assert_output "$3"
}
# offers SHELL LINE WORD...: all of them, in any order
offers() {
	local word
	run timeout 50 "$BATS_TEST_DIRNAME/../lib/complete" "$1" "$T/completion.$1" "$2" all
	assert_success
	for word in "${@:3}"; do
		[[ " $output " == *" $word "* ]] || fail "$1 does not offer $word: $output"
	done
}
completion_of() {
	requires program "$1"
	"$BUILD/berthctl" completion "$1" >"$T/completion.$1"
	PATH=$BUILD:$PATH
}
# completion_test SHELL
completion_test() {
	completion_of "$1"
	completes "$1" 'berthctl stat' 'berthctl status '
	completes "$1" 'berthctl status --js' 'berthctl status --json '
	completes "$1" 'berthctl schema se' 'berthctl schema se'
	offers "$1" 'berthctl schema ' service settings
	offers "$1" 'berthctl ' status list show connections reload monitor explain penalties new schema
	offers "$1" 'berthctl monitor --' --service --recorded --past --json --control
}
completion_names_test() {
	completion_of "$1"
	echo_service finger
	echo_service fish
	start_berthd
	export BERTH_CONTROL=$CONTROL
	completes "$1" 'berthctl show fing' 'berthctl show finger '
	completes "$1" 'berthctl monitor --service fis' 'berthctl monitor --service fish '
	offers "$1" 'berthctl connections fi' finger fish
	unset BERTH_CONTROL
	completes "$1" "berthctl --control $CONTROL show fing" "berthctl --control $CONTROL show finger "
}

@test "bash completes commands, options and words" { completion_test bash; }
@test "zsh completes commands, options and words" { completion_test zsh; }
@test "bash completes the names of services" { completion_names_test bash; }
@test "zsh completes the names of services" { completion_names_test zsh; }

@test "bash does not take what a berthd says for a pattern" {
	completion_of bash
	mkdir "$T/bin" "$T/here"
	printf '#!/bin/sh\nprintf "%%s\\n" "*" "good file" fine\n' >"$T/bin/berthctl"
	chmod +x "$T/bin/berthctl"
	: >"$T/here/filed"
	PATH=$T/bin:$PATH
	cd "$T/here"
	completes bash 'berthctl show fil' 'berthctl show fil'
	completes bash 'berthctl show fi' 'berthctl show fine '
}

@test "make install puts completion where the shells look for it" {
	local root=$BATS_TEST_DIRNAME/../..
	run make -s -C "$root" -o all install B="$BUILD" DESTDIR="$T/root" PREFIX=/usr
	assert_success
	cmp "$T/root/usr/share/bash-completion/completions/berthctl" <("$BUILD/berthctl" completion bash)
	cmp "$T/root/usr/share/zsh/site-functions/_berthctl" <("$BUILD/berthctl" completion zsh)
}

# ---- all commands ----

@test "each command has --help, with its usage, options and exit status" {
	local command
	while read -r command; do
		run "$BUILD/berthctl" "$command" --help
		assert_success
		assert_line --index 0 --partial "usage: berthctl $command "
		assert_output --partial '--json'
		assert_output --partial 'exit status:'
	done < <("$BUILD/berthctl" help | awk '/^  [a-z]/ {print $1}')
	[[ -z $command ]]
}

@test "help --json: every command of the table, or one, with its options" {
	local all one
	all=$("$BUILD/berthctl" help --json)
	assert_equal "$(jq -r '.commands[].name' <<<"$all")" "$("$BUILD/berthctl" help | awk '/^  [a-z]/ {print $1}')"
	jq -e '[.options[].name] == ["control", "json", "help", "version"]' <<<"$all"
	jq -e '.commands | all(.help != "" and (.options | all(.letter != null or .name != null)))' <<<"$all"
	one=$("$BUILD/berthctl" --json help explain)
	jq -e '.commands | length == 1 and .[0].usage == "SERVICE --peer ADDR" and .[0].offline == false and
	    .[0].options == [{letter: "p", name: "peer", value: "ADDR", help: .[0].options[0].help}] and
	    .[0].examples == ["berthctl explain finger --peer 192.0.2.7"]' <<<"$one"
	run -64 "$BUILD/berthctl" help --json nonsense
}
