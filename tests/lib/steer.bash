# steer.bash - what the tests of pause, drain and kill share: `load ../lib/steer` after berth and limits
# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it

# queue_is SERVICE N [ENDPOINT-NUMBER]: so many stand in its accept queue
queue_is() { [[ $(of "$1" ".endpoints[${3:-0}].queue") == "$2" ]]; }
wait_queue() { wait_until 10 queue_is "$@" || fail "the queue of $1 has $(of "$1" ".endpoints[${3:-0}].queue")"; }
wait_state() { wait_until 10 eval "[[ \$(state_of $1) == $2 ]]" || fail "$1 is $(state_of "$1")"; }

# varlink JSON...: send messages, print the replies one a line
varlink() { printf '%s\0' "$@" | "$dial" --timeout 20 "unix:$CONTROL" | tr '\0' '\n'; }

# As one who may only read: berthd needs {"control": {"group": "mail"}}
ctl_as_reader() {
	install -m 0755 "$BUILD/berthctl" "$T/berthctl"
	timeout 30 setpriv --reuid=nobody --regid=mail --clear-groups "$T/berthctl" --control "$CONTROL" "$@"
}
