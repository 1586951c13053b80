# shellcheck shell=sh
# debian.sh - Debian packages unpacked for the tests, without installing them.
#
# Sourced by scripts that fill a folder: `begin` says whether there is anything
# to do, `fetch` and `add_libraries` bring packages, `finish` leaves the stamp
# by which the next run knows that it needs no network.

say() { echo "unpack: $*" >&2; }
die() { say "$*"; exit 1; }

# begin DIR WANT ROOT... - fails when DIR holds WANT already; else makes DIR,
# without the ROOTs that an earlier run left in it.
begin() {
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	stamp=$dir/.unpacked
	want=$2
	shift 2
	# Two test runs may begin at once; the second waits, and finds it done.
	exec 9>"$dir/.lock"
	flock 9
	[ "$(cat "$stamp" 2>/dev/null || :)" = "$want" ] && return 1
	for tool in apt-get dpkg ldd; do
		command -v $tool >/dev/null ||
			die "$tool is missing (not a Debian?)"
	done
	rm -rf "$dir/debs" "$stamp"
	for root; do
		rm -rf "${dir:?}/$root"
	done
	mkdir -p "$dir/debs"
}

finish() {
	rm -rf "$dir/debs"
	echo "$want" >"$stamp"
}

# fetch ROOT PACKAGE... - download and unpack into ROOT.  The package index is
# refreshed only when the first try fails, so a machine with one needs none.
fetch() {
	root=$1
	shift
	for package; do
		(cd "$dir/debs" && download "$package") ||
			die "cannot download Debian's package $package:" \
			    "$(tail -n 1 "$dir/debs/log")"
		mkdir -p "$root"
		dpkg -x "$dir/debs/$package"_*.deb "$root"
		# Older packages still install to /lib, which is /usr/lib.
		if [ -d "$root/lib" ]; then
			cp -a "$root/lib/." "$root/usr/lib/"
			rm -rf "${root:?}/lib"
		fi
	done
	# Nothing unpacked here may lend anyone rights.
	find "$root" -type f -perm /6000 -exec chmod a-s {} +
}

download() {
	get="apt-get -q -o APT::Sandbox::User=root"
	$get download "$1" >log 2>&1 && return
	$get update >log 2>&1 || :
	$get download "$1" >log 2>&1
}

# package_of SONAME - which package brings a library.
package_of() {
	case $1 in
	libatomic.*) echo libatomic1 ;;
	libcap.*) echo libcap2 ;;
	libcom_err.*) echo libcom-err2 ;;
	libcrypto.* | libssl.*) echo libssl3 ;;
	libdb-5.3.*) echo libdb5.3 ;;
	libevent-2.1.*) echo libevent-2.1-7 ;;
	libexpat.*) echo libexpat1 ;;
	libffi.*) echo libffi8 ;;
	libfstrm.*) echo libfstrm0 ;;
	libgcrypt.*) echo libgcrypt20 ;;
	libgmp.*) echo libgmp10 ;;
	libgnutls.*) echo libgnutls30 ;;
	libgpg-error.*) echo libgpg-error0 ;;
	libgssapi_krb5.*) echo libgssapi-krb5-2 ;;
	libhogweed.*) echo libhogweed6 ;;
	libicu*) echo libicu72 ;;
	libidn2.*) echo libidn2-0 ;;
	libjemalloc.*) echo libjemalloc2 ;;
	libk5crypto.*) echo libk5crypto3 ;;
	libkeyutils.*) echo libkeyutils1 ;;
	libkrb5.*) echo libkrb5-3 ;;
	libkrb5support.*) echo libkrb5support0 ;;
	liblber-* | libldap-*) echo libldap-2.5-0 ;;
	liblz4.*) echo liblz4-1 ;;
	liblzf.*) echo liblzf1 ;;
	liblzma.*) echo liblzma5 ;;
	libnettle.*) echo libnettle8 ;;
	libnghttp2.*) echo libnghttp2-14 ;;
	libnsl.*) echo libnsl2 ;;
	libp11-kit.*) echo libp11-kit0 ;;
	libprotobuf-c.*) echo libprotobuf-c1 ;;
	libpython3.11.*) echo libpython3.11 ;;
	libsasl2.*) echo libsasl2-2 ;;
	libstdc++.*) echo libstdc++6 ;;
	libsystemd.*) echo libsystemd0 ;;
	libtasn1.*) echo libtasn1-6 ;;
	libtirpc.*) echo libtirpc3 ;;
	libunistring.*) echo libunistring2 ;;
	libwrap.*) echo libwrap0 ;;
	libz.*) echo zlib1g ;;
	libzstd.*) echo libzstd1 ;;
	*) die "no package is known for the library $1" ;;
	esac
}

# missing ROOT PROGRAM... - the libraries that neither ROOT nor the machine has.
missing() {
	root=$1
	shift
	paths=$root/usr/lib/postfix
	for lib in "$root"/usr/lib/*-linux-gnu*; do
		paths=$paths:$lib
	done
	for program; do
		LD_LIBRARY_PATH=$paths ldd "$root/$program"
	done | sed -n 's/^[[:space:]]*\(.*\) => not found.*/\1/p' | sort -u
}

# add_libraries ROOT PROGRAM... - add libraries until nothing is missing.
add_libraries() {
	while lacks=$(missing "$@") && [ -n "$lacks" ]; do
		packages=$(for lib in $lacks; do package_of "$lib"; done |
			sort -u)
		# shellcheck disable=SC2086 # one word a package
		fetch "$1" $packages
	done
}
