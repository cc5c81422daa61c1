# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "an HTTP server of the inetd kind and curl" {
	requires program micro-httpd curl
	mkdir "$T/www"
	head -c 3000000 /dev/urandom >"$T/www/data"
	echo '<p>hello' >"$T/www/index.html"
	service http "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"/usr/sbin/micro-httpd\", \"$T/www\"]}"
	start_berthd
	local url
	url=http://127.0.0.1:$(port_of http)
	run curl -sS --max-time 20 "$url/"
	assert_output '<p>hello'
	curl -sS --max-time 20 -o "$T/got" "$url/data"
	cmp "$T/www/data" "$T/got"
	run curl -sS --max-time 20 -o /dev/null -w '%{http_code}' "$url/absent"
	assert_output 404
}
