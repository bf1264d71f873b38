#!/bin/sh
# Installs CRIU, which checkpoints need, for nerd's engine. A criu of the system is
# taken if it works here; else one of a newer Debian is unpacked, with its own C
# library, beside the engine, and nothing of the system changes.
#
#   criu.sh             install, unless it is there
#   criu.sh --check     say whether checkpoints can be made, install nothing
#   NERD_DATA_ROOT      data root of nerd, default /var/lib/nerd
#   NERD_DEBIAN_MIRROR  default http://deb.debian.org/debian
#   NERD_CRIU_SUITES    releases of Debian to try, default "trixie forky"
set -eu
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
suites=${NERD_CRIU_SUITES:-trixie forky}
dest=${NERD_DATA_ROOT:-/var/lib/nerd}/engine
mirror=${NERD_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# works PROGRAM tells whether it can save and restore a process on this kernel.
# "criu check" does not touch what the older releases fail at: the vDSO, and from
# Linux 6.16 on the options of a socket.
works() {
	dir=$(mktemp -d)
	if [ -x /bin/busybox ]; then
		setsid /bin/busybox httpd -f -p 127.0.0.1:0 -h "$dir" </dev/null >/dev/null 2>&1 &
	else
		setsid sleep 60 </dev/null >/dev/null 2>&1 &
	fi
	pid=$!
	sleep 0.2
	ok=0
	"$1" dump -t "$pid" -D "$dir" --shell-job -v0 >/dev/null 2>&1 && "$1" restore -D "$dir" --shell-job -d -v0 >/dev/null 2>&1 && ok=1
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	rm -rf "$dir"
	[ "$ok" = 1 ]
}

# fetch SUITE unpacks CRIU and the libraries it links with into $work/root.
fetch() {
	rm -rf "$work"/*
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
	: >"$work/status"
	echo "deb [arch=$arch signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$work/sources.list"
	# A configuration of its own: other lists, another cache, and no installed packages.
	cat >"$work/apt.conf" <<-CONF
		Dir::Etc::sourcelist "$work/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State::lists "$work/lists";
		Dir::State::status "$work/status";
		Dir::Cache "$work/cache";
		APT::Architecture "$arch";
		APT::Architectures "$arch";
		APT::Install-Recommends "false";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
	CONF
	echo "criu: fetching it from Debian ($1)" >&2
	APT_CONFIG=$work/apt.conf apt-get update -qq
	APT_CONFIG=$work/apt.conf apt-get install -qq --yes --download-only criu >/dev/null
	for deb in "$work"/cache/archives/*.deb; do
		case "${deb##*/}" in
		criu_* | lib*) dpkg -x "$deb" "$work/root" ;;
		esac
	done
}

# place puts the program beside the engine. It runs through the C library that it
# was built for.
place() {
	loader=$(find "$work/root" -path '*ld-linux*.so.*' | head -n 1)
	program=$(find "$work/root" -path '*/sbin/criu' | head -n 1)
	if [ -z "$loader" ] || [ -z "$program" ]; then
		echo "criu: the package has no program or no loader" >&2
		return 1
	fi
	new=$dest/criu.new
	rm -rf "$new"
	mkdir -p "$new/lib" "$dest/bin"
	cp "$program" "$new/criu"
	cp -L "$loader" "$new/lib/"
	find "$work/root" \( -name 'lib*.so.[0-9]' -o -name 'lib*.so.[0-9][0-9]' -o -name 'lib*.so.[0-9][0-9][0-9]' \) -exec cp -L {} "$new/lib/" \;
	rm -rf "$dest/criu"
	mv "$new" "$dest/criu"
	cat >"$dest/bin/criu.new" <<-WRAPPER
		#!/bin/sh
		exec "$dest/criu/lib/${loader##*/}" --library-path "$dest/criu/lib" --argv0 criu "$dest/criu/criu" "\$@"
	WRAPPER
	chmod 0755 "$dest/bin/criu.new"
	mv "$dest/bin/criu.new" "$dest/bin/criu"
}

if [ "$(id -u)" != 0 ]; then
	if [ "${1:-}" = --check ]; then
		echo "criu: only root can tell" >&2
		exit 1
	fi
	exec sudo NERD_DATA_ROOT="${NERD_DATA_ROOT:-}" NERD_DEBIAN_MIRROR="$mirror" NERD_CRIU_SUITES="$suites" "$0" "$@"
fi
for criu in "$dest/bin/criu" "$(command -v criu || true)"; do
	if [ -x "$criu" ] && works "$criu"; then
		echo "criu: $criu, $("$criu" --version | sed -n 's/^Version: //p')" >&2
		exit
	fi
done
if [ "${1:-}" = --check ]; then
	echo "criu: none that works: run make criu" >&2
	exit 1
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
	echo "criu: this is no Debian or Ubuntu; please install CRIU, 4.2 or newer" >&2
	exit 1
fi
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for suite in $suites; do
	fetch "$suite"
	place
	if works "$dest/bin/criu"; then
		echo "criu: installed in $dest: $("$dest/bin/criu" --version | sed -n 's/^Version: //p')" >&2
		exit
	fi
done
echo "criu: $("$dest/bin/criu" --version | head -n 1) is installed, but cannot save and restore all processes here" >&2
exit 1
