#!/bin/sh
# Installs the system packages that building and testing nerd need, only those
# that are missing, and takes no time when none is. Go itself is not among them.
#
#   --check   print what is missing and exit with 1, install nothing
set -eu
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing=
need() { missing="$missing $1"; }
have() { command -v "$1" >/dev/null 2>&1; }

have gcc || need gcc
[ -e /usr/include/stdlib.h ] || need libc6-dev
have pkg-config || need pkg-config
[ -e /usr/include/seccomp.h ] || need libseccomp-dev
have iptables || need iptables
have ip || need iproute2
have git || need git
have curl || need curl
have openssl || need openssl
have docker-registry || need docker-registry
# The bases of the examples are made of Debian's packages.
have mmdebstrap || need mmdebstrap
have iperf3 || need iperf3
have dnsmasq || need dnsmasq-base
# A busybox that is linked dynamically cannot be the only file of an image.
{ [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1; } || need busybox-static
[ -d /etc/ssl/certs ] || need ca-certificates

if [ -z "$missing" ]; then
	exit 0
fi
if [ "${1:-}" = --check ]; then
	echo "missing:$missing"
	exit 1
fi
if ! have apt-get; then
	echo "deps: this is no Debian or Ubuntu; please install what corresponds to:$missing" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=sudo
fi
echo "deps: installing$missing" >&2
# shellcheck disable=SC2086 # a list of words
install() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
# The lists of a fresh machine are empty or old; a machine without a network may
# still have the packages.
$sudo apt-get update -qq || echo "deps: the package lists could not be renewed" >&2
install
# The registry is started by the tests themselves, on a port of their own.
case "$missing" in
*docker-registry*)
	if have systemctl && [ -d /run/systemd/system ]; then
		$sudo systemctl disable --now docker-registry.service >/dev/null 2>&1 || true
	fi
	;;
esac
