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
	assert_output --partial 'no such user'
	wait_logged 2 'exit service=finger .*status=0'
}
