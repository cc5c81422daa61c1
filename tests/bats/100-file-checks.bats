# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# A service file is refused with a message that names it, and nobody else suffers.
load ../lib/berth

# refused NAME REGEX: NAME is invalid for that reason; `good` is served
refused() {
	wait_until 5 service_is "$1" '.state == "invalid"' || {
		ctl list >&2
		return 1
	}
	run services ".[] | select(.name == \"$1\") | .errors | join(\"\\n\")"
	assert_output --regexp "$2"
	wait_log "invalid service=$1 error=.*$1\\.json"
	run ask good still
	assert_output still
}

@test "a file of more than 64 KiB" {
	echo_service good
	{ echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]'; head -c 66000 /dev/zero | tr '\0' ' '; echo '}'; } >"$SERVICES/big.json"
	start_berthd
	refused big '65536'
}

@test "a file of 64 KiB sharp is accepted" {
	local text='{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]'
	{ printf %s "$text"; head -c $((65536 - ${#text} - 1)) /dev/zero | tr '\0' ' '; printf '}'; } >"$SERVICES/big.json"
	start_berthd
	run ask big hello
	assert_output hello
}

@test "a sparse file of 10 GB costs nothing" {
	echo_service good
	truncate -s 10G "$SERVICES/sparse.json"
	start_berthd
	refused sparse '10737418240 bytes|65536'
	(($(awk '/VmRSS/ {print $2}' "/proc/$DPID/status") < 51200))
}

@test "a fifo holds nobody up" {
	echo_service good
	mkfifo "$SERVICES/pipe.json"
	start_berthd
	refused pipe 'not a regular file'
}

@test "a device" {
	requires root
	echo_service good
	ln -s /dev/zero "$SERVICES/zero.json"
	start_berthd
	refused zero 'not a regular file'
}

@test "a directory" {
	echo_service good
	mkdir "$SERVICES/dir.json"
	start_berthd
	refused dir 'not a regular file'
}

@test "a symlink is followed" {
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/elsewhere"
	ln -s ../elsewhere "$SERVICES/linked.json"
	start_berthd
	run ask linked hello
	assert_output hello
}

@test "a symlink that leads nowhere, and one that leads to itself" {
	echo_service good
	ln -s nowhere "$SERVICES/dangling.json"
	ln -s loop.json "$SERVICES/loop.json"
	start_berthd
	refused loop '.'
	run services '.[] | select(.name == "dangling") | .state'
	[[ -z $output || $output == invalid ]]
}

@test "as root, a file that others could write" {
	requires root
	echo_service good
	echo_service open
	chmod 666 "$SERVICES/open.json"
	start_berthd
	refused open 'writable by others'
	chmod 644 "$SERVICES/open.json"
	wait_until 5 service_is open '.state == "open"'
}

@test "as root, a file that a group other than root's could write" {
	requires root
	echo_service good
	echo_service open
	chgrp nogroup "$SERVICES/open.json"
	chmod 664 "$SERVICES/open.json"
	start_berthd
	refused open 'writable by group 65534'
}

@test "as root, a file of somebody else" {
	requires root
	echo_service good
	echo_service foreign
	chown nobody "$SERVICES/foreign.json"
	start_berthd
	refused foreign 'belongs to uid 65534'
}

@test "as root, a symlink to a file of somebody else" {
	requires root
	echo_service good
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/elsewhere"
	chown nobody "$T/elsewhere"
	ln -s "$T/elsewhere" "$SERVICES/foreign.json"
	start_berthd
	refused foreign 'belongs to uid 65534'
}

@test "as root, a symlink to a good file in a directory that others could write" {
	requires root
	echo_service good
	mkdir "$T/open"
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/open/x"
	chmod 777 "$T/open"
	ln -s "$T/open/x" "$SERVICES/linked.json"
	start_berthd
	refused linked 'writable by others'
}

@test "as root, everything in a directory that others could write" {
	requires root
	mkdir "$T/open"
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$T/open/x.json"
	chmod 777 "$T/open"
	echo_service good
	start_berthd -s "$T/open" 
	run ask good still
	assert_output still
	run services '.[] | select(.name == "x") | .state'
	refute_output open
	wait_log "writable by others"
}

@test "a service that turns bad keeps its last good version" {
	requires root
	echo_service kept
	start_berthd
	chmod 666 "$SERVICES/kept.json"
	wait_until 5 service_is kept '.errors | length > 0'
	run ask kept hello
	assert_output hello
}

@test "a name that is no service name is not a service" {
	local json='{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' name
	for name in .hidden.json x.json~ x.jsn .x.json.swp '#x.json#' x.json.bak -x.json 'a b.json' 4913; do
		echo "$json" >"$SERVICES/$name"
	done
	echo_service ok-1.2_3@x
	start_berthd
	run services '.[].name'
	assert_output 'ok-1.2_3@x'
}

@test "a file in another encoding, with a mark in front, or with a NUL" {
	echo_service good
	printf '\xff\xfe{\0}\0' >"$SERVICES/utf16.json"
	printf '\xef\xbb\xbf{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}' >"$SERVICES/bom.json"
	printf '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}\n\0' >"$SERVICES/nul.json"
	printf '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/\xc0\xaf"]}' >"$SERVICES/overlong.json"
	start_berthd
	refused utf16 .
	refused bom .
	refused nul '2:1: .*NUL'
	refused overlong .
}

@test "an empty file, and one that holds something else than an object" {
	echo_service good
	: >"$SERVICES/empty.json"
	echo '[]' >"$SERVICES/array.json"
	start_berthd
	refused empty empty
	refused array object
}
