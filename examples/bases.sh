#!/bin/sh
# Makes the two images that the examples are built from, where no registry can be
# reached, and loads them: localhost/golang from the Go of this machine, and
# localhost/debian with Python from Debian's packages. They are kept as archives in
# a folder and not made again.
#
#   bases.sh [FOLDER]   default: bin/bases
#
#   NERD  the program that loads them, default nerd
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$root/bin/bases}
nerd=${NERD:-nerd}
mkdir -p "$dir"

# One at a time: others wait for it.
exec 9>"$dir/lock"
flock 9

if [ ! -s "$dir/golang.tar" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	goroot=$work/usr/local/go
	mkdir -p "$goroot" "$work/bin" "$work/tmp" "$work/root" "$work/etc"
	(cd "$(cd "$root" && go env GOROOT)" && tar -c --exclude=./test --exclude=./api --exclude=./doc --exclude=./misc --exclude=./src/cmd --exclude='*_test.go' --exclude=testdata .) |
		tar -x -C "$goroot"
	# With its packages compiled, as Go's distributions once came: a build in the image
	# would take half a minute for them alone. This machine mostly has them in its cache.
	export GOROOT="$goroot" GODEBUG=installgoroot=all CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=
	# shellcheck disable=SC2046 # a list of packages
	(cd "$root/examples/web" && "$goroot/bin/go" install -trimpath $("$goroot/bin/go" list -deps . | grep -v -e unsafe -e example))
	unset GOROOT GODEBUG
	cp "$(command -v busybox)" "$work/bin/busybox"
	chroot "$work" /bin/busybox --install -s /bin
	echo 'root:x:0:0:root:/root:/bin/sh' >"$work/etc/passwd"
	chmod 1777 "$work/tmp"
	tar -C "$work" -cf "$dir/golang.tar.new" .
	mv "$dir/golang.tar.new" "$dir/golang.tar"
fi
if [ ! -s "$dir/debian.tar" ]; then
	mmdebstrap --quiet --variant=essential --include=python3 \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm "$dir/debian.tar.new.tar"
	mv "$dir/debian.tar.new.tar" "$dir/debian.tar"
fi
has() { "$nerd" image inspect "$1" >/dev/null 2>&1; }
has localhost/golang || "$nerd" import -c 'ENV PATH=/usr/local/go/bin:/bin' -c 'ENV CGO_ENABLED=0 GOTOOLCHAIN=local GODEBUG=installgoroot=all' "$dir/golang.tar" localhost/golang >/dev/null
has localhost/debian || "$nerd" import -c 'CMD ["bash"]' "$dir/debian.tar" localhost/debian >/dev/null
