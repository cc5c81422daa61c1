# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# A Varlink client that is not ours, and knows only what the control socket says of itself.
#
# packages-full: golang-go golang-github-varlink-go-dev
load ../lib/berth

setup_file() {
	type -P go >/dev/null && [[ -d /usr/share/gocode/src/github.com/varlink/go ]] || return 0
	GOCACHE=$BATS_FILE_TMPDIR/cache GOPATH=/usr/share/gocode GO111MODULE=off GOFLAGS='' \
	    timeout 120 go build -o "$BATS_FILE_TMPDIR/introspect" "$BATS_TEST_DIRNAME/../peers/introspect.go"
}

needs_client() { requires full go /usr/share/gocode/src/github.com/varlink/go; }

# introspect [INTERFACE] VALUES...
introspect() { timeout 50 "$BATS_FILE_TMPDIR/introspect" "unix:$CONTROL" "$@"; }

# A daemon with something to tell of everything
eventful_berthd() {
	echo_service one '{"description": "héllo \"quoted\" \\ \u0001", "listen": ["tcp:127.0.0.1:0", "unix:'"$T"'/one"]}'
	echo_service refusing '{"access": {"deny": ["local"]}}'
	sh_service failing 'exit 75' '{"penalties": {"exit": {"75": "5s"}}}'
	sh_service dying 'kill -SEGV $$'
	echo_service off '{"enabled": false}'
	service broken '{"listen": 5}'
	service absent '{"listen": "tcp:127.0.0.1:0", "exec": ["/no/such/program"]}'
	start_berthd
	ask refusing || :
	ask failing || :
	ask dying || :
	ask absent || :
	wait_until 5 service_is dying '.ended == 1'
	wait_until 5 service_is failing '.ended == 1'
	open_session live "$(at one)"
	say live hello
	heard live hello
	LIVE=$(connections '.[].connection' one)
}

@test "every method answers as the description says, to a client that has nothing else" {
	needs_client
	eventful_berthd
	run introspect io.berth.Control service='"one"' Drain.service='"dying"' Drain.deadline=0.5 buckets=true \
	    peer='"127.0.0.1"' Kill.peer=- connection="$LIVE" source='"all"' level='"info"' past=100 dry_run=true
	assert_success
	assert_line 'interface org.varlink.service'
	assert_line 'interface io.berth.Control'
	local method
	for method in 'Status()' 'List()' 'List(buckets,service)' 'Show(service)' 'Connections()' 'Connections(service)' \
	    'Explain(peer,service)' 'Penalties()' 'Penalties(service)' 'Forgive(source)' 'Forgive(service,source)' \
	    'Pause(service)' 'Resume(service)' 'Drain(deadline,service)' 'Kill(connection,service)' 'Disable(service)' \
	    'Enable(service)' 'Monitor() more' 'Monitor(past,service) more' 'LogLevel()' 'LogLevel(level)' 'Reload()' \
	    'Reload(dry_run)'; do
		assert_line "$method ok"
	done
	refute_line --partial MethodNotImplemented
	assert_line --regexp '^refused [0-9]{2}$'
	assert_line 'io.berth.Control.NoSuchMethod org.varlink.service.MethodNotFound'
	assert_line 'no.such.Interface org.varlink.service.InterfaceNotFound'
	assert_line 'oneway ok'
}

@test "the interface of Varlink itself answers as it says" {
	needs_client
	start_berthd
	run introspect org.varlink.service interface='"io.berth.Control"'
	assert_success
	assert_line 'GetInfo() ok'
	assert_line 'GetInterfaceDescription(interface) ok'
	assert_line 'refused 3'
}

@test "what fails is an error of the description, with its fields" {
	needs_client
	echo_service one
	service broken '{"listen": 5}'
	start_berthd
	run introspect io.berth.Control service='"none"' source='"all"' peer='"127.0.0.1"' connection=4711 \
	    Drain.service='"none"' Kill.service=- Kill.peer=-
	assert_success
	local method
	for method in 'List(service)' 'Show(service)' 'Connections(service)' 'Explain(peer,service)' 'Penalties(service)' \
	    'Forgive(service,source)' 'Pause(service)' 'Resume(service)' 'Drain(service)' 'Disable(service)' \
	    'Enable(service)' 'Monitor(service) more'; do
		assert_line "$method io.berth.Control.NoSuchService"
	done
	assert_line 'Kill(connection) io.berth.Control.NoSuchConnection'
	assert_line 'Kill() org.varlink.service.InvalidParameter'
	run introspect io.berth.Control service='"broken"' source='"nonsense"' peer='"nonsense"' Drain.service='"broken"' \
	    Kill.peer='"nonsense"' level='"loud"' past=-1
	assert_success
	assert_line 'Forgive(source) org.varlink.service.InvalidParameter'
	assert_line 'Explain(peer,service) org.varlink.service.InvalidParameter'
	assert_line 'LogLevel(level) org.varlink.service.InvalidParameter'
	assert_line 'Monitor(past,service) more org.varlink.service.InvalidParameter'
}
