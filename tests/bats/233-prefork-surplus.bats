# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# handlers: what is too many goes
load ../lib/berth
load ../lib/limits
load ../lib/post

@test "what is too many goes after a while without demand, one at a time; a handler with a client stays" {
	prefork '{"min": 1, "max": 3}'
	start_berthd
	local i before
	for i in 1 2 3; do arrives "c$i"; done
	close_session c2
	close_session c3
	wait_until 15 active_is p 2
	wait_until 15 active_is p 1
	(($(log_count '^exit service=p .*cause=stop') == 2))
	[[ $(pids) == "$(<"$T/c1.out")" ]]
	say c1 'still there'
	heard c1 'still there'
	run "$dial" --timeout 10 "$(at p)" <<<hello
	assert_output --partial hello
	adds_up p
}

@test "a reload that changes only text does not keep what is too many" {
	prefork '{"min": 1, "max": 3}'
	start_berthd
	arrives c1
	arrives c2
	edit p '.description = "other words"'
	close_session c1
	close_session c2
	wait_until 15 active_is p 1
	(($(starts p) <= 3))
}

@test "a handler that waits for something beside the socket is left alone" {
	py_service p '
s = sock()
r, w = os.pipe()
while True:
    if s in select.select([s, r], [], [])[0]:
        c, _ = s.accept()
        c.sendall(b"%d\n" % me)
        c.recv(1)
        c.close()' '{"listen": "tcp:127.0.0.1:0", "wait": true, "handlers": {"min": 1, "max": 2}}'
	start_berthd
	arrives c1
	arrives c2
	close_session c1
	close_session c2
	local n
	n=$(active_of p)
	((n >= 2))
	sleep 7
	active_is p "$n"
	(($(ends p) == 0))
}
