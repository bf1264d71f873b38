#!/bin/sh
# Builds the engine (containerd, its shim, runc, buildkitd, ctr and the CNI
# plugins) from the versions pinned in the modules beside this script into
# bin/engine, and installs it below the data root, with sudo if need be.
#
#   build.sh            build, then install
#   build.sh install    install what is built already
#   NERD_DATA_ROOT      data root of nerd, default /var/lib/nerd
#   NERD_NO_INSTALL     non-empty: build only
#
# A stamp file holds a hash of everything that goes into the build, so a run
# with nothing to do takes a few milliseconds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
stage=$root/bin/engine
dest=${NERD_DATA_ROOT:-/var/lib/nerd}/engine

GOWORK=off
GOFLAGS="-mod=readonly -trimpath"
export GOWORK GOFLAGS

stamp() {
	cd "$here"
	{ go env GOVERSION GOARCH && cat build.sh ./*/go.mod ./*/go.sum ./*/*.go ./*/*/*.go; } | sha256sum | cut -d' ' -f1
}

# version DIR MODULE prints the version of MODULE that DIR pins.
version() {
	sed -n "s|^[[:space:]]*\(require \)\{0,1\}$2 \(v[^ ]*\).*|\2|p" "$here/$1/go.mod" | head -n 1
}

# build DIR CGO TAGS LDFLAGS OUT PACKAGE... builds packages of the module DIR.
build() {
	dir=$1 cgo=$2 tags=$3 ldflags=$4 out=$5
	shift 5
	echo "engine: building $dir" >&2
	(cd "$here/$dir" && CGO_ENABLED=$cgo nice -n 5 go build -tags "$tags" -ldflags "-s -w $ldflags" -o "$stage.new/$out/" "$@")
}

build_all() {
	rm -rf "$stage.new"
	mkdir -p "$stage.new/bin" "$stage.new/cni"
	ctrd=github.com/containerd/containerd/v2
	cni=github.com/containernetworking/plugins
	bk=github.com/moby/buildkit
	v=$(version containerd $ctrd)
	build containerd 0 "" "-X $ctrd/version.Version=$v" bin . $ctrd/cmd/containerd-shim-runc-v2 $ctrd/cmd/ctr
	# Linked statically: runc starts twice for each start and each exec, and the
	# dynamic linker takes a tenth of the time of both.
	build runc 1 "seccomp netgo osusergo" "-linkmode external -extldflags -static" bin github.com/opencontainers/runc
	v=$(version cni $cni)
	build cni 0 "" "-X $cni/pkg/utils/buildversion.BuildVersion=$v" cni tool
	v=$(version buildkit $bk)
	build buildkit 0 "" "-X $bk/version.Version=$v" bin ./buildkitd
	printf '%s\n' "$want" >"$stage.new/stamp"
	rm -rf "$stage"
	mv "$stage.new" "$stage"
}

# install_all replaces each file by a rename, so a running engine keeps its own.
install_all() {
	built=$(cat "$stage/stamp")
	if [ "$(cat "$dest/stamp" 2>/dev/null)" = "$built" ]; then
		return
	fi
	(umask 077 && mkdir -p "$(dirname "$dest")")
	mkdir -p "$dest/bin" "$dest/cni"
	chmod 0711 "$dest"
	rm -f "$dest/stamp"
	for f in "$stage"/bin/* "$stage"/cni/*; do
		to=$dest/${f#"$stage"/}
		cp "$f" "$to.new"
		mv "$to.new" "$to"
	done
	printf '%s\n' "$built" >"$dest/stamp"
	echo "engine: installed in $dest" >&2
}

if [ "${1:-}" = install ]; then
	install_all
	exit
fi
if ! command -v go >/dev/null; then
	echo "engine: go is needed to build the engine: install it from https://go.dev/dl" >&2
	exit 1
fi
want=$(stamp)
if [ "$(cat "$stage/stamp" 2>/dev/null)" != "$want" ]; then
	if ! pkg-config --exists libseccomp 2>/dev/null || ! command -v "${CC:-gcc}" >/dev/null; then
		echo "engine: runc needs a C compiler and libseccomp's headers: run 'make deps'" >&2
		exit 1
	fi
	build_all
fi
if [ -n "${NERD_NO_INSTALL:-}" ]; then
	exit
fi
if [ "$(id -u)" = 0 ]; then
	install_all
else
	sudo NERD_DATA_ROOT="${NERD_DATA_ROOT:-}" "$here/build.sh" install
fi
