# lib.sh - what scripts/demo and scripts/run_tests share. Sourced, not run.
#
# Both work on a copy of the server in a directory of their own: nothing is
# installed into the system's PostgreSQL, and a build with fault points cannot
# end up in a server that somebody uses.  PostgreSQL finds its files relative
# to its programs, so a copied tree is a whole server.

packages="postgresql-15 postgresql-server-dev-15 build-essential libipc-run-perl xz-utils"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Prints a message and ends.
die() {
	echo "$*" >&2
	exit 1
}

# Installs what is missing (root), or says what is missing (others).
need_packages() {
	local missing="" package
	[ -z "${PG_CONFIG:-}" ] || return 0		# another server: its owner knows
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || die "missing packages, run as root: apt-get install$missing"
	echo "installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } > "$work/apt.log" 2>&1 ||
		{ tail -20 "$work/apt.log" >&2; die "apt-get failed"; }
}

# Makes $work, a directory that the server's user owns; it is removed at the end.
make_work() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/stream_ext.XXXXXX")
	chmod 755 "$work"
}

# Gives $work to the server's user: postgres for root, otherwise whoever runs this.
give_work() {
	[ "$(id -u)" != 0 ] || chown -R "${server_user:=postgres}:" "$work"
}

# Runs a command as the server's user.
as_server_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid "$server_user" --regid "$server_user" --init-groups --no-new-privs \
			env -u PERL5LIB HOME="$work" USER="$server_user" LOGNAME="$server_user" TMPDIR=/tmp LC_ALL=C.UTF-8 "$@"
	else
		env TMPDIR=/tmp LC_ALL=C.UTF-8 "$@"
	fi
}

# Copies the sources, without what was built, into $work/source.
copy_source() {
	mkdir -p "$work/source"
	tar -C "$top" --exclude=./.git --exclude=./tmp_check --exclude='*.o' --exclude='*.d' \
		--exclude='*.so' --exclude='*.bc' --exclude='./stream_ext--*.sql' \
		--exclude=./.build_flags -cf - . | tar -C "$work/source" -xf - --no-same-owner
}

# Copies the server into $work/server; PG_CONFIG then means the copy.
copy_server() {
	local from=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config} part dir
	for part in bindir pkglibdir sharedir includedir includedir-server; do
		dir=$("$from" "--$part")
		mkdir -p "$work/server$dir"
		cp -a "$dir/." "$work/server$dir"
	done
	rm -rf "$work/server$("$from" --pkglibdir)/bitcode"
	PG_CONFIG=$work/server$("$from" --bindir)/pg_config
	bin=$("$PG_CONFIG" --bindir)
	[ "$bin" = "$work/server$("$from" --bindir)" ] || die "the server of $from cannot be copied"
}

# Builds and installs into the copied server; arguments are make's.
build_source() {
	as_server_user make -C "$work/source" -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" with_llvm=no "$@" all install \
		> "$work/build.log" 2>&1 || { tail -40 "$work/build.log" >&2; die "the build failed"; }
}
