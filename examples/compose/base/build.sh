#!/bin/sh
# Makes the image that the examples build on, localhost/nerd-examples/base:12, of
# Debian's packages: PostgreSQL, nginx, Redis and busybox, without what no server
# needs. The archive is kept, so a second run takes a second.
#
#   build.sh [NERD]     loads it with this program; without one, prints the archive
set -eu
cache=${NERD_EXAMPLES_CACHE:-/var/cache/nerd-examples}
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
here=$(cd "$(dirname "$0")" && pwd)
archive=$cache/base-$suite-$(cat "$here"/* | sha256sum | cut -c1-12).tar
if [ ! -f "$archive" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$cache" "$work/debs" "$work/root"
	: >"$work/status" # nothing is installed: all that is needed is listed
	all=$(apt-get -qq --print-uris -o Dir::State::status="$work/status" --no-install-recommends \
		install postgresql nginx-light redis-server | awk '{print $2}' | sed 's/_.*//')
	wanted="redis-server busybox-static"
	for n in $all; do
		case $n in
		*perl* | libllvm* | libz3* | libsem* | libdb5* | libpam-modules* | libbpf* | libelf* | libgdbm*) ;;
		lib* | zlib1g | tzdata | nginx* | redis-tools | postgresql-[0-9]* | postgresql-client-[0-9]*) wanted="$wanted $n" ;;
		esac
	done
	(cd "$work/debs" && apt-get -qq -o APT::Sandbox::User=root download $wanted)
	for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
	cd "$work/root"
	rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/lintian usr/lib/postgresql/*/lib/bitcode usr/lib/postgresql/*/lib/llvmjit*
	# Debian's folders at the root are links nowadays.
	for d in bin sbin lib lib64; do
		[ ! -d "$d" ] || [ -L "$d" ] || { mkdir -p "usr/$d" && cp -a "$d/." "usr/$d/" && rm -rf "$d"; }
		ln -sfn "usr/$d" "$d"
	done
	for applet in $(usr/bin/busybox --list); do [ -e "usr/bin/$applet" ] || [ -e "usr/sbin/$applet" ] || ln -s busybox "usr/bin/$applet"; done
	mkdir -p dev etc proc root run sys tmp var/lib/postgresql var/lib/nginx var/log/nginx var/lib/redis
	chmod 1777 tmp
	for pg in usr/lib/postgresql/*/bin; do ln -s "/$pg" usr/lib/postgresql/bin; done
	install -m 0755 "$here/start-postgres" usr/bin/start-postgres
	cat >etc/passwd <<-'END'
		root:x:0:0:root:/root:/bin/sh
		www-data:x:33:33:www-data:/var/www:/bin/sh
		postgres:x:105:105:postgres:/var/lib/postgresql:/bin/sh
		redis:x:106:106:redis:/var/lib/redis:/bin/sh
		nobody:x:65534:65534:nobody:/:/bin/sh
	END
	printf 'root:x:0:\nwww-data:x:33:\npostgres:x:105:\nredis:x:106:\nnogroup:x:65534:\n' >etc/group
	chown 105:105 var/lib/postgresql && chown 106:106 var/lib/redis
	tar -C "$work/root" --numeric-owner -cf "$archive.new" .
	mv "$archive.new" "$archive"
	cd /
fi
if [ $# = 0 ]; then
	echo "$archive"
else
	"$@" import --change 'ENV PATH=/usr/lib/postgresql/bin:/usr/sbin:/usr/bin PGDATA=/var/lib/postgresql/data' "$archive" localhost/nerd-examples/base:12
fi
