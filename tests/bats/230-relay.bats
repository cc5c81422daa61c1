# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

# The relay process by itself, between peers of tests/peers/relay_scenes.py, which is its berthd
scene() {
	timeout 55 python3 "$BATS_TEST_DIRNAME/../peers/relay_scenes.py" "$BUILD/libexec/berth-relay" "$T" "$@" \
	    3>&- 4>&-
}

@test "relay: 256 MiB each way at once arrive as they were" {
	scene bulk 256
}

@test "relay: a unix client, a unix target" {
	scene bulk 64 unix tcp
	scene bulk 64 tcp unix
	scene bulk 64 unix unix
}

@test "relay: a client that has sent all still gets its answer" {
	scene half_close_client
}

@test "relay: a target that has sent all still gets what the client sends" {
	scene half_close_target
}

@test "relay: a target that does not answer is followed by the next, and each is reported" {
	scene next_target
}

@test "relay: no target answers: status 69, and why for each" {
	scene all_dead
}

@test "relay: a target whose queue is full costs the connect timeout, then the next" {
	scene connect_timeout tcp
	scene connect_timeout unix
}

@test "relay: a header goes before the first byte, and is not counted as the client's" {
	scene header
}

@test "relay: a client's reset reaches the target: open, half-closed, with the answer unread" {
	scene reset_by_client open
	scene reset_by_client half_closed
	scene reset_by_client unread
}

@test "relay: a target's reset reaches the client" {
	scene reset_by_target
}

@test "relay: a slow reader gets every byte" {
	scene slow_reader
}

@test "relay: a client that does not read holds up nothing that it sends" {
	scene one_way_blocked
}

@test "relay: what a unix client sent before it closed arrives" {
	scene unix_client_leaves
}

@test "relay: an urgent byte arrives among the others" {
	scene urgent
}

@test "relay: no CPU while nothing happens: idle, half-closed, blocked, peers gone" {
	scene idle
	scene idle_when_full
	scene idle_when_unix_peers_leave
}

@test "relay: many connections of one process do not know of each other" {
	scene many
}

@test "relay: what was taken is carried on when berthd has gone" {
	scene berthd_leaves
}

@test "relay: connections that are taken together are all served at once" {
	scene taken_together unix
	scene taken_together tcp
}

@test "relay: nothing is done with a connection before it was told that it is taken" {
	scene berthd_is_slow
}

@test "relay: who finds no descriptors left ends alone" {
	scene no_descriptors
}

@test "relay: who cannot be watched ends alone" {
	requires program strace
	scene unwatched
}

@test "relay: it holds two descriptors a connection and no privileges to gain" {
	scene little
}

@test "relay: a command line that berthd would not make is refused" {
	scene command_lines
}
