#!/bin/bash
# Runs a part of test/e2e in a virtual machine with systemd, cgroup v2 and
# AppArmor, then reboots it: containers come back as their policy says.
#
#   NERD_TEST_SCRIPTS  the scripts, as an expression
#   GUEST_TIMEOUT      seconds, default 1200
#   GUEST_RUN          the program that boots the machine, default
#                      ../shared/guest/run: run --share DIR --timeout S COMMAND
#                      runs COMMAND in it with DIR as /host, once per boot;
#                      $GUEST_BOOT counts
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
scripts='run-exit|run-network|run-limits|run-security|exec|init|survive|cgroup|apparmor|systemd|journald|update|resources-cpu|resources-memory|ipvlan'

fail() {
	echo "guest: $*" >&2
	exit 1
}

# outside builds what needs Go, and boots the machine.
outside() {
	local guest=${GUEST_RUN:-$root/../shared/guest/run}
	[ -x "$guest" ] || fail "$guest is missing: set GUEST_RUN to a program that boots a virtual machine"
	cd "$root"
	mkdir -p bin/guest
	CGO_ENABLED=0 go test -c -trimpath -ldflags='-s -w' -o bin/guest/e2e.test ./test/e2e
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/guest/app ./test/e2e/testdata/app
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/guest/images ./hack/images
	hack/crun.sh >/dev/null
	exec "$guest" --share "$root" --timeout "${GUEST_TIMEOUT:-1200}" \
		"NERD_TEST_SCRIPTS='${NERD_TEST_SCRIPTS:-$scripts}' test/guest.sh inside"
}

# first installs nerd, runs the scripts and leaves containers for the next boot.
first() {
	mkdir -p /var/lib/nerd/engine
	cp -r bin/engine/bin bin/engine/cni /var/lib/nerd/engine/
	sh hack/install.sh install '' /usr/local
	(
		cd test/e2e
		export NERD_TEST_TARGET=nerd NERD_TEST_GUEST=1 NERD_BIN=/usr/local/bin/nerd NERD_TEST_APP=$root/bin/guest/app
		"$root/bin/guest/e2e.test" -test.timeout 15m -test.run "^(TestScripts|TestGuestScripts)\$/^($NERD_TEST_SCRIPTS)\$" 2>&1
	)
	bin/guest/images -ref localhost/web:1 -o /tmp/web.tar
	nerd load -q -i /tmp/web.tar
	nerd run -d --name always --restart always -p 18080:80 localhost/web:1 sh -c 'echo started; [ -e /kept ] || echo before the boot >/kept; exec httpd -f -p 80 -h /www'
	nerd run -d --name unless --restart unless-stopped localhost/web:1 sleep 100000
	nerd run -d --name byhand --restart unless-stopped localhost/web:1 sleep 100000
	nerd run -d --name plain localhost/web:1 sleep 100000
	nerd run -d --name failing --restart on-failure:3 --init localhost/web:1 sh -c 'echo started; exec sleep 100000'
	nerd run -d --name ended --restart on-failure localhost/web:1 true
	nerd run -d --name failed --restart on-failure:1 localhost/web:1 sh -c 'exit 3'
	nerd run -d --wait --wait-timeout 1m --name checked --restart always --health-cmd 'test -e /kept' --health-interval 1s localhost/web:1 sh -c 'touch /kept; exec sleep 100000'
	nerd stop -t 0 byhand
	nerd inspect -f '{{.Id}}' always >/var/lib/nerd-test-id
	touch /run/guest-rebooting
	systemctl reboot
}

# expect COMMAND WANT compares the output of a command.
expect() {
	local got
	got=$(eval "$1" 2>&1) || true
	[ "$got" = "$2" ] || fail "after the boot: $1: '$got', expected '$2'"
}

# second looks at what the boot has brought back.
second() {
	local tries=0
	until [ "$(systemctl is-active nerd-restore.service)" = active ]; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] && ! systemctl is-failed --quiet nerd-restore.service || fail "nerd-restore.service: $(systemctl status --no-pager nerd-restore.service)"
		sleep 0.2
	done
	expect "nerd inspect -f '{{.State.Running}}' always" true
	expect "nerd inspect -f '{{.State.Running}}' unless" true
	expect "nerd inspect -f '{{.State.Status}}' byhand" exited
	expect "nerd inspect -f '{{.State.Status}}' plain" exited
	expect "nerd inspect -f '{{.State.Status}} {{.RestartCount}}' failing" 'running 0'
	expect "nerd logs failing" "$(printf 'started\nstarted')"
	expect "nerd exec failing cat /proc/1/comm" docker-init
	expect "nerd inspect -f '{{.State.Status}} {{.State.ExitCode}}' ended" 'exited 0'
	expect "nerd inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' failed" 'exited 3 1'
	expect "timeout 60 nerd wait --condition healthy checked" healthy
	expect "nerd inspect -f '{{.Id}}' always" "$(cat /var/lib/nerd-test-id)"
	expect "nerd logs always" "$(printf 'started\nstarted')"
	expect "nerd exec always cat /kept" 'before the boot'
	expect "curl -fsS --retry 10 --retry-connrefused --retry-delay 1 http://127.0.0.1:18080/" 'hello from the container'
	expect "nerd start plain" plain
	expect "nerd inspect -f '{{.State.Running}}' plain" true
	nerd rm -f always unless byhand plain failing ended failed checked
	expect "nerd ps -aq" ''
	# The namespaces are given back in the background.
	local left=0
	until [ -z "$(ls /run/nerd/netns)" ] || [ $left -ge 150 ]; do
		left=$((left + 1))
		sleep 0.2
	done
	expect "ls /run/nerd/netns" ''
	echo "guest: the containers came back as they should"
}

case ${1:-} in
'') outside ;;
inside)
	cd "$root"
	case $GUEST_BOOT in
	1) first ;;
	2) second ;;
	*) fail "boot $GUEST_BOOT was not asked for" ;;
	esac
	;;
*) fail "$1: there are no arguments" ;;
esac
