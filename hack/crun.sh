#!/bin/sh
# Fetches crun, which the tests of --runtime run, and prints its path. It is unpacked
# from a newer Debian with the C library it was built for; nothing of the system
# changes, and what is there already is not fetched again.
#
#   crun.sh [DIR]       DIR is where it is put, default bin/crun
#   NERD_DEBIAN_MIRROR  default http://deb.debian.org/debian
set -eu
dest=${1:-$(cd "$(dirname "$0")/.." && pwd)/bin/crun}
mirror=${NERD_DEBIAN_MIRROR:-http://deb.debian.org/debian}
if [ -x "$dest/crun" ]; then
	echo "$dest/crun"
	exit
fi
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root" "$work/new/lib"
: >"$work/status"
echo "deb [arch=$arch signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$work/sources.list"
# A configuration of its own: other lists, another cache, and no installed packages.
cat >"$work/apt.conf" <<CONF
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
export APT_CONFIG="$work/apt.conf"
apt-get update -qq >&2
apt-get install -qq --yes --download-only crun libc6 libgcrypt20 liblzma5 libzstd1 liblz4-1 >/dev/null
for deb in "$work"/cache/archives/crun_*.deb "$work"/cache/archives/lib*.deb; do
	dpkg -x "$deb" "$work/root"
done
cp "$work/root/usr/bin/crun" "$work/new/program"
loader=$(find "$work/root" -name 'ld-linux*.so.*' | head -n 1)
cp -L "$loader" "$work/new/lib/"
find "$work/root" \( -name 'lib*.so.[0-9]' -o -name 'lib*.so.[0-9][0-9]' \) -exec cp -L {} "$work/new/lib/" \;
# It refuses a machine that has the groups of both versions, so it must not see the
# second.
cat >"$work/new/crun" <<'WRAPPER'
#!/bin/sh
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
set -- "$here/lib/LOADER" --library-path "$here/lib" --argv0 crun "$here/program" "$@"
if [ -d /sys/fs/cgroup/unified ]; then
	exec unshare --mount --propagation slave sh -c 'umount /sys/fs/cgroup/unified; exec "$@"' crun "$@"
fi
exec "$@"
WRAPPER
sed -i "s/LOADER/${loader##*/}/" "$work/new/crun"
chmod 0755 "$work/new/crun"
"$work/new/crun" --version >&2
mkdir -p "$(dirname "$dest")"
rm -rf "$dest"
cp -r "$work/new" "$dest"
echo "$dest/crun"
