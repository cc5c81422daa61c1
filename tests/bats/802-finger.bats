# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "a finger daemon and a finger client" {
	requires root
	requires program in.fingerd finger unshare ip nsenter
	service finger '{"listen": "tcp:finger", "exec": ["/usr/sbin/in.fingerd"]}'
	PREFIX=(unshare -n sh -c 'ip link set lo up && exec "$@"' sh)
	start_berthd
	run nsenter -t "$DPID" -n finger root@127.0.0.1
	assert_success
	assert_output --partial 'Login: root'
	run nsenter -t "$DPID" -n finger no-such-user@127.0.0.1
	# a fingerd of an inetd has its client for stderr; by default berth's has the log
	wait_log 'stderr service=finger .*no-such-user: no such user'
	wait_logged 2 'exit service=finger .*status=0'
}
