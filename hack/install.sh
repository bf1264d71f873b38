#!/bin/sh
# Lays nerd down below a prefix and has systemd start containers again after a
# boot.
#
#   install.sh install|uninstall DESTDIR PREFIX
set -eu
cd "$(dirname "$0")/.."
verb=$1 dest=$2 prefix=$3
units=$dest$prefix/lib/systemd/system

# systemd asks a running systemd, unless the files went into a package's folder.
systemd() {
	if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
		systemctl "$@"
	fi
}

case $verb in
install)
	install -D -m 0755 bin/nerd "$dest$prefix/bin/nerd"
	install -D -m 0755 bin/nerd-monitor "$dest$prefix/libexec/nerd/nerd-monitor"
	install -D -m 0755 bin/nerd-logger "$dest$prefix/libexec/nerd/nerd-logger"
	install -D -m 0755 bin/nerd-compose "$dest$prefix/libexec/nerd/nerd-compose"
	install -D -m 0755 bin/nerd-resolver "$dest$prefix/libexec/nerd/nerd-resolver"
	install -D -m 0755 bin/nerd-build "$dest$prefix/libexec/nerd/nerd-build"
	install -D -m 0755 bin/nerd-image "$dest$prefix/libexec/nerd/nerd-image"
	install -D -m 0755 bin/nerd-init "$dest$prefix/libexec/nerd/nerd-init"
	install -d "$units"
	sed "s|@PREFIX@|$prefix|g" hack/nerd-restore.service >"$units/nerd-restore.service"
	chmod 0644 "$units/nerd-restore.service"
	systemd daemon-reload
	systemd enable --quiet nerd-restore.service
	;;
uninstall)
	systemd disable --quiet nerd-restore.service || true
	rm -f "$dest$prefix/bin/nerd" "$dest$prefix/libexec/nerd/nerd-monitor" "$dest$prefix/libexec/nerd/nerd-logger" "$dest$prefix/libexec/nerd/nerd-compose" "$dest$prefix/libexec/nerd/nerd-resolver" "$dest$prefix/libexec/nerd/nerd-build" "$dest$prefix/libexec/nerd/nerd-image" "$dest$prefix/libexec/nerd/nerd-init" "$units/nerd-restore.service"
	rmdir "$dest$prefix/libexec/nerd" 2>/dev/null || true
	systemd daemon-reload
	;;
*)
	echo "install.sh: $verb: use install or uninstall" >&2
	exit 2
	;;
esac
