#!/bin/sh
# Shows the main job on this machine: an image built from a Dockerfile, a command, a
# web server on a published port, and what one does with them. Can be run again at
# any time.
#
#   NERD_BIN_DIR  folder of nerd, default bin
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
PATH=${NERD_BIN_DIR:-$root/bin}:/usr/sbin:/sbin:$PATH
export PATH

fail() {
	echo "demo: $*" >&2
	exit 1
}

bold='' plain=''
[ ! -t 1 ] || { bold=$(printf '\033[1m') plain=$(printf '\033[0m'); }

# show COMMAND [STATUS [INSTEAD]] prints a command as one would type it, and runs
# it, or what does the same for it on a machine that may lack the program.
show() {
	printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
	status=0
	eval "${3:-$1}" || status=$?
	[ "$status" -eq "${2:-0}" ] || fail "exit code $status, expected ${2:-0}, from: $1"
}

# free_port is the first port from 8080 on that nobody listens on. The sockets
# are read from /proc, so that no further program is needed.
free_port() {
	port=8080
	while grep -qi ": [0-9A-F]*:$(printf %04X "$port") [0-9A-F]*:[0-9A-F]* 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null; do
		port=$((port + 1))
	done
	echo "$port"
}

# fetch prints a page, once the server answers.
fetch() {
	tries=0
	until page=$(curl -fsS "$1" 2>/dev/null || wget -qO- "$1" 2>/dev/null || busybox wget -qO- "$1" 2>/dev/null); do
		tries=$((tries + 1))
		[ "$tries" -lt 50 ] || fail "$1 does not answer"
		sleep 0.1
	done
	printf '%s\n' "$page"
}

[ "$(id -u)" -eq 0 ] || fail "containers need root: run sudo make demo"
command -v nerd >/dev/null || fail "nerd is not built: run make build"
busybox=$(command -v busybox) || fail "busybox is missing: apt-get install busybox-static"
work=$(mktemp -d)
clean() {
	rm -rf "$work"
	nerd rm -f demo-web >/dev/null 2>&1 || true
}
trap clean EXIT
trap 'exit 1' INT TERM

show 'nerd --version'
show 'nerd engine up'
nerd rm -f demo-web >/dev/null 2>&1 || true # of a demonstration that was stopped half-way

mkdir -p "$work/context"
cp "$busybox" "$work/context/busybox"
echo 'Hello from a container.' >"$work/context/index.html"
cat >"$work/context/Dockerfile" <<'EOF'
FROM scratch AS shell
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN echo root:x:0:0:root:/root:/bin/sh >/etc/passwd
CMD ["sh"]

FROM shell
COPY index.html /www/
EXPOSE 80
EOF

printf '\n# A Dockerfile becomes an image, around one static program.\n'
cd "$work"
show 'cat context/Dockerfile'
show 'nerd build -t demo/busybox context'
show 'nerd images demo/busybox'

printf '\n# Run a command; its output and its exit code are the ones of the command.\n'
show 'nerd run --rm demo/busybox echo "it works"'
show "nerd run --rm demo/busybox sh -c 'exit 42'; echo \"exit code \$?\""
show "echo hi | nerd run -i --rm demo/busybox cat"

printf '\n# A web server in the background, on a published port.\n'
port=$(free_port)
show "nerd run -d --name demo-web -p $port:80 demo/busybox httpd -f -v -p 80 -h /www"
page=$(fetch "http://127.0.0.1:$port/") || exit 1
show "curl http://127.0.0.1:$port/" 0 "printf '%s\n' '$page'"
[ "$page" = 'Hello from a container.' ] || fail "the page is not the container's"
show 'nerd ps'
show 'nerd logs demo-web'
show 'nerd exec demo-web cat /www/index.html'
show 'nerd rm -f demo-web'
show 'nerd ps -a --filter name=demo-web'
printf '\nDone. Try: nerd run -it --rm demo/busybox\n'
