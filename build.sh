#!/usr/bin/env bash
# The one door of bobbin: installs what is missing, builds, runs, tests. See ./build.sh --help.
set -euo pipefail

HOME_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CALLER_DIR=$PWD
BUILD=${BUILD:-build}
CC=${CC:-gcc}
SANITIZE=${SANITIZE:-}
cd "$HOME_DIR"
export LC_ALL=C.UTF-8 TZ=UTC

usage() {
    cat <<'END'
./build.sh                builds build/bobbin and build/plugins/*.so
./build.sh run            builds, then starts bobbin with app.ini
./build.sh test           installs what tests need, builds, runs all of them
./build.sh check          the same, and the long forms
./build.sh bench          measures bobbin beside its peers
./build.sh install PREFIX installs binary, plugins, header, pkg-config file and manual page
./build.sh plugin DIR     builds the plugin in DIR into build/plugins/
./build.sh clean          removes build/

environment: BUILD=folder (build), CC=compiler (gcc or clang), CXX=compiler for C++,
             SANITIZE=address,undefined or thread (built into build/asan, build/tsan),
             DESTDIR=folder (install: what stands before PREFIX)
END
}

say() { printf '%s\n' "build.sh: $*" >&2; }
die() { say "$*"; exit 1; }

# ---------------------------------------------------------------- packages

BUILD_PACKAGES=("${CC%%-*}" libc6-dev ninja-build pkg-config libuv1-dev zlib1g-dev)
TEST_PACKAGES=(clang g++ git libcmocka-dev python3 python3-pytest python3-pil
    python3-selenium chromium chromium-driver curl procps util-linux mount binutils mandoc)
BENCH_PACKAGES=(nginx-light wrk redis-server redis-tools procps python3)

is_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'; }

# Installs those of the named packages that are missing.
install_packages() {
    local missing=() package root=()
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "please install: ${missing[*]}"
    [ "$(id -u)" = 0 ] || root=(sudo)
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        die "please install, as root (there is no sudo): ${missing[*]}"
    say "installing with apt-get: ${missing[*]}"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        die "apt-get could not install: ${missing[*]}"
}

# ---------------------------------------------------------------- what plugins need
#
# plugins/<name>/needs, a requirement a line:
#   pkg-config-name debian-package
#   pkg-config-name debian-package | sources FILE... cflags FLAG... package DEBIAN-PACKAGE
# Behind the bar stands what to do where pkg-config does not know the name.

alternative() { # keyword line: the words that follow a keyword behind the bar
    local keyword=$1 words=() word taking=
    read -ra words <<<"${2#*|}"
    for word in "${words[@]}"; do
        case $word in
        sources | cflags | package) taking=$word ;;
        *) [ "$taking" != "$keyword" ] || printf '%s ' "$word" ;;
        esac
    done
}

is_known() { apt-cache show "$1" >/dev/null 2>&1; } # to the distribution

install_needs() {
    local file name package line other
    for file in "$@"; do
        while read -r name package line; do
            [ -n "$name" ] || continue
            pkg-config --exists "$name" 2>/dev/null && continue
            other=$(alternative package "$line")
            if [ -n "$other" ] && { is_installed "${other% }" || ! is_known "$package"; }; then
                package=${other% }
            fi
            is_installed "$package" || (install_packages "$package") ||
                say "$package could not be installed"
        done <"$file"
    done
}

# Sets NEED_CFLAGS, NEED_LIBS and NEED_SOURCES for a plugin's folder; false with a sentence when
# something is missing.
read_needs() {
    local folder=$1 line name
    NEED_CFLAGS='' NEED_LIBS='' NEED_SOURCES=''
    [ -f "$folder/needs" ] || return 0
    while read -r line; do
        [ -n "$line" ] || continue
        name=${line%% *}
        if pkg-config --exists "$name" 2>/dev/null; then
            NEED_CFLAGS+=" $(pkg-config --cflags "$name")"
            NEED_LIBS+=" $(pkg-config --libs "$name")"
        elif [[ $line == *"|"* ]] && ls $(alternative sources "$line") >/dev/null 2>&1; then
            NEED_CFLAGS+=" $(alternative cflags "$line")"
            NEED_SOURCES+=" $(alternative sources "$line")"
        else
            say "$(basename "$folder") is not built: $name (Debian: $(awk '{print $2}' <<<"$line")) is missing"
            return 1
        fi
    done <"$folder/needs"
}

# ---------------------------------------------------------------- the ninja file

WARNINGS="-Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes"
supports() { echo | "$CC" -Werror "$1" -E -x c - >/dev/null 2>&1; }

# Needed by plugins in C++ only, and installed only for those of the caller.
cxx_of() { # the C compiler
    case $1 in
    *clang*) echo "${1/clang/clang++}" ;;
    cc) echo c++ ;;
    *) echo "${1/gcc/g++}" ;;
    esac
}

flags() {
    CXX_HERE=${CXX:-$(cxx_of "$CC")}
    CFLAGS="-std=c11 -D_GNU_SOURCE -O2 -g -fPIC -fno-omit-frame-pointer -fstack-protector-strong"
    LDFLAGS="-Wl,-z,relro,-z,now -Wl,--as-needed"
    # Core and plugins are optimised as a whole each (12 % fewer instructions a request); what else
    # is linked with core's objects, tests and the test host, uses the ordinary code in them.
    LTO_CFLAGS='' LTO_LDFLAGS=''
    if [ -z "$SANITIZE" ] && "$CC" --version | grep -q 'Free Software Foundation'; then
        LTO_CFLAGS="-flto=auto -ffat-lto-objects" LTO_LDFLAGS="-O2 -flto=auto"
    fi
    local flag
    for flag in -fstack-clash-protection -fcf-protection; do
        ! supports "$flag" || CFLAGS+=" $flag"
    done
    if [ -n "$SANITIZE" ]; then
        CFLAGS+=" -fsanitize=$SANITIZE -fno-sanitize-recover=all"
        LDFLAGS+=" -fsanitize=$SANITIZE"
    else
        CFLAGS+=" -D_FORTIFY_SOURCE=2"
    fi
    CXXFLAGS="-std=c++20 ${CFLAGS#-std=c11}"
    LD=$("$CC" -print-prog-name=ld)
    UV_LIBS="$(pkg-config --libs libuv zlib) -ldl -lpthread"
}

objects=() # of the last compile call

# compile OBJECT-FOLDER "FLAGS" FILES...
compile() {
    local folder=$1 cflags=$2 file object rule
    shift 2
    objects=()
    for file in "$@"; do
        object="$OUT/$folder/${file#/}.o"
        rule=cc
        case $file in
        *.cc | *.cpp) rule=cxx ;;
        /*) rule=foreign ;;
        esac
        printf 'build %s: %s %s\n  cflags = %s\n' "$object" "$rule" "$file" "$cflags"
        objects+=("$object")
    done
}

sources_of() { # folder of a plugin
    find "$1" -maxdepth 1 \( -name '*.c' -o -name '*.cc' -o -name '*.cpp' \) | sort
}

has_cxx() { # whether one of the files is C++
    local file
    for file in "$@"; do
        [[ ! $file =~ \.(cc|cpp)$ ]] || return 0
    done
    return 1
}

plugin_rules() {
    local folder=$1 name sources include=plugins rule=so
    name=$(basename "$folder")
    mapfile -t sources < <(sources_of "$folder")
    [ ${#sources[@]} -gt 0 ] || return 0
    if has_cxx "${sources[@]}"; then
        rule=soxx
        command -v "$CXX_HERE" >/dev/null || {
            say "$name is not built: $CXX_HERE (Debian: g++) is missing"
            return 0
        }
    fi
    read_needs "$folder" || return 0
    [ ! -f "$folder/bobbin.h" ] || include=$folder # the contract as it once was
    # shellcheck disable=SC2086
    compile "plugin" "-I$include -fvisibility=hidden $LTO_CFLAGS $NEED_CFLAGS" "${sources[@]}" $NEED_SOURCES
    printf 'build %s: %s %s\n  libs = %s\n' "$OUT/plugins/$name.so" "$rule" "${objects[*]}" "$NEED_LIBS"
}

# libbobbin-test.a: the test host and what it uses of core and spooler, as one object in which all
# but bobbin_* is local, so that nothing can clash with an author's own names.
host_rules() {
    local sources
    sources=$(find tests/host -maxdepth 1 -name '*.c' | sort)
    # shellcheck disable=SC2086
    compile "host" "-I. -Iplugins" $sources
    printf 'build %s: host %s | %s\n  archive = %s\n' "$OUT/libbobbin-test.a" "${objects[*]}" \
        "$OUT/libbobbin.a" "$OUT/libbobbin.a"
}

# The first line of a test may name more sources: /* links: plugins/http core/x.c */
# or the plugin that it tests in the test host: /* hosts: plugins/hello */
test_rules() {
    local file=$1 name links extra sources=() folder cflags='' libs='' library=libbobbin.a own
    local rule=link
    name=$(basename "$file" .c)
    links=$(sed -n '1s|^/\* links: \(.*\) \*/$|\1|p' "$file")
    own="-I. -Iplugins"
    if grep -q '^/\* hosts:' "$file"; then
        links=$(sed -n '1s|^/\* hosts:\(.*\) \*/$|\1|p' "$file")
        library=libbobbin-test.a own="-Iplugins -Itests/host"
    fi
    for extra in $links; do
        folder=$extra
        [ -d "$extra" ] || folder=$(dirname "$extra")
        if [ -d "$extra" ]; then
            mapfile -t -O ${#sources[@]} sources < <(sources_of "$extra")
        else
            sources+=("$extra")
        fi
        read_needs "$folder" || return 0
        cflags+=" $NEED_CFLAGS" libs+=" $NEED_LIBS"
        for extra in $NEED_SOURCES; do
            [[ " ${sources[*]} " == *" $extra "* ]] || sources+=("$extra")
        done
    done
    ! has_cxx "${sources[@]}" || rule=linkxx
    compile "test/$name" "$own $cflags" "$file" "${sources[@]}"
    printf 'build %s: %s %s | %s\n  libs = %s -lcmocka %s\n  ldflags = -rdynamic%s\n' \
        "$OUT/tests/$name" "$rule" "${objects[*]}" "$OUT/$library" "$OUT/$library $libs" "$UV_LIBS" \
        "${LTO_LDFLAGS:+ -fno-lto}"
}

ninja_file() {
    local folder file core
    cat <<END
builddir = $OUT
rule cc
  command = $CC $CFLAGS $WARNINGS \$cflags -MD -MF \$out.d -c \$in -o \$out
  depfile = \$out.d
  deps = gcc
  description = cc \$in
rule foreign
  command = $CC $CFLAGS -w \$cflags -c \$in -o \$out
  description = cc \$in
rule cxx
  command = $CXX_HERE $CXXFLAGS -Wall -Wextra -Werror \$cflags -MD -MF \$out.d -c \$in -o \$out
  depfile = \$out.d
  deps = gcc
  description = cxx \$in
rule so
  command = $CC -shared $LDFLAGS $LTO_LDFLAGS \$in -o \$out \$libs
  description = so \$out
rule soxx
  command = $CXX_HERE -shared $LDFLAGS \$in -o \$out \$libs
  description = so \$out
rule ar
  command = rm -f \$out && ar rcs \$out \$in
  description = ar \$out
rule host
  command = $LD -r --wrap=running_enter --wrap=running_leave --wrap=request_settle \$\$(nm -g --defined-only \$archive | sed -n 's/.* T \\(bobbin_.*\\)/-u \\1/p') \$in \$archive -o \$out.o && objcopy -w -R '.gnu.lto_*' -R '.gnu.debuglto_*' --keep-global-symbol='bobbin_*' \$out.o && rm -f \$out && ar rcs \$out \$out.o
  description = host \$out
rule linkxx
  command = $CXX_HERE $LDFLAGS \$ldflags \$in -o \$out \$libs
  description = link \$out
rule link
  command = $CC $LDFLAGS \$ldflags \$in -o \$out \$libs
  description = link \$out
END
    mapfile -t core < <(find core spooler -name '*.c' ! -path core/main.c | sort)
    compile "objects" "-I. $LTO_CFLAGS" "${core[@]}"
    printf 'build %s: ar %s\n' "$OUT/libbobbin.a" "${objects[*]}"
    local library=("${objects[@]}")
    compile "objects" "-I. $LTO_CFLAGS" core/main.c
    printf 'build %s: link %s | core/plugin/exports.map\n  ldflags = -pie -rdynamic %s -Wl,--version-script=core/plugin/exports.map\n  libs = %s\n' \
        "$OUT/bobbin" "${objects[*]} ${library[*]}" "$LTO_LDFLAGS" "$UV_LIBS"
    host_rules
    for folder in plugins/*/; do
        plugin_rules "${folder%/}"
    done
    [ -n "${WITH_TESTS:-}" ] || return 0
    for file in tests/unit/test_*.c; do
        [ "$WITH_TESTS" != yes ] || test_rules "$file"
    done
    for folder in tests/plugins/*/; do
        [ ! -d "$folder" ] || OUT="$OUT/tests" plugin_rules "${folder%/}"
    done
}

# build OUT-FOLDER: writes the ninja file and runs it.
build() {
    OUT=$1
    mkdir -p "$OUT"
    flags
    ninja_file >"$OUT/new.ninja"
    if cmp -s "$OUT/new.ninja" "$OUT/build.ninja"; then
        rm "$OUT/new.ninja"
    else
        mv "$OUT/new.ninja" "$OUT/build.ninja"
    fi
    ninja -f "$OUT/build.ninja" --quiet
}

# The folder of what SANITIZE asks for: build, build/asan, build/tsan.
variant_folder() {
    case $SANITIZE in
    '') echo "$BUILD" ;;
    thread) echo "$BUILD/tsan" ;;
    *) echo "$BUILD/asan" ;;
    esac
}

# A path as whoever called this script means it.
callers_path() { (cd "$CALLER_DIR" && realpath -m -- "$1"); }

prepare() {
    install_packages "${BUILD_PACKAGES[@]}" "$@"
    install_needs plugins/*/needs
}

# ---------------------------------------------------------------- commands

run() {
    local folder
    folder=$(variant_folder)
    prepare
    build "$folder"
    say "open http://127.0.0.1:${PORT:-8080}/ in a browser; ^C ends it"
    exec "$folder/bobbin" app.ini
}

put() { # MODE FILE PLACE
    install -D -m "$1" "$2" "$INSTALL_ROOT/$3"
}

# A pkg-config file finds its prefix by its own place: the whole tree may be moved.
put_pkg_config() { # NAME DESCRIPTION FURTHER-LINES...
    local name=$1 description=$2
    shift 2
    cat >"$OUT/$name.pc" <<END
prefix=\${pcfiledir}/../..
plugindir=\${prefix}/lib/bobbin/plugins

Name: $name
Description: $description
Version: $("$OUT/bobbin" --version | awk '{print $2}')
END
    printf '%s\n' "$@" >>"$OUT/$name.pc"
    put 644 "$OUT/$name.pc" "lib/pkgconfig/$name.pc"
}

install_to() {
    local folder plugin
    INSTALL_ROOT=${DESTDIR:+$(callers_path "$DESTDIR")}$(callers_path "$1")
    prepare
    build "$(variant_folder)"
    umask 022
    put 755 "$OUT/bobbin" bin/bobbin
    for folder in plugins/*/; do
        plugin=plugins/$(basename "$folder").so
        [ ! -f "$OUT/$plugin" ] || put 644 "$OUT/$plugin" "lib/bobbin/$plugin"
    done
    put 644 plugins/bobbin.h include/bobbin.h
    put_pkg_config bobbin "what plugins of the application server bobbin are compiled with" \
        "Cflags: -I\${prefix}/include"
    put 644 "$OUT/libbobbin-test.a" lib/libbobbin-test.a
    put 644 tests/host/bobbin-test.h include/bobbin-test.h
    put_pkg_config bobbin-test "a host for the tests of plugins of the application server bobbin" \
        "Requires: bobbin" "Libs: -L\${prefix}/lib -lbobbin-test $UV_LIBS"
    put 644 core/bobbin.1 share/man/man1/bobbin.1
    put 644 plugins/README.md share/doc/bobbin/plugins.md
    put 644 plugins/hello/hello.c share/doc/bobbin/examples/hello.c
    put 644 LICENSE share/doc/bobbin/LICENSE
    say "installed into $INSTALL_ROOT"
}

# What a plugin is checked with: a bobbin that is not older than the contract.
build_bobbin() {
    if [ ! -x "$1/bobbin" ] || [ plugins/bobbin.h -nt "$1/bobbin" ]; then
        build "$1"
    fi
}

# compile_plugin OBJECT-FOLDER OUT SOURCES...: all of them, C and C++, into one shared object.
compile_plugin() {
    local folder=$1 out=$2 file made=() linker=$CC compiler warnings
    shift 2
    ! has_cxx "$@" || linker=$CXX_HERE
    for file in "$@" $NEED_SOURCES; do
        compiler="$CC $CFLAGS" warnings="-Wall -Wextra"
        ! has_cxx "$file" || compiler="$CXX_HERE $CXXFLAGS"
        [[ " $NEED_SOURCES " != *" $file "* ]] || warnings=-w
        made+=("$folder/${#made[@]}.o")
        # shellcheck disable=SC2086
        $compiler $warnings -Iplugins -fvisibility=hidden $NEED_CFLAGS -c "$file" \
            -o "${made[-1]}" || return 1
    done
    # shellcheck disable=SC2086
    "$linker" -shared $LDFLAGS "${made[@]}" -o "$out" $NEED_LIBS
}

# Sets PLUGIN to the name of the plugin in a folder, and SOURCES to what it is made of.
look_at_plugin() {
    [ -d "$1" ] || die "there is no folder $1"
    PLUGIN=$(basename "$1")
    [[ $PLUGIN =~ ^[a-z0-9-]{1,32}$ ]] ||
        die "the folder's name is the plugin's: \"$PLUGIN\" is not 1 to 32 of a-z, 0-9 and -"
    [ ! -d "plugins/$PLUGIN" ] || [ "$1" -ef "plugins/$PLUGIN" ] ||
        die "bobbin has a plugin \"$PLUGIN\" of its own: the folder needs another name"
    mapfile -t SOURCES < <(sources_of "$1")
    [ ${#SOURCES[@]} -gt 0 ] || die "there are no .c, .cc or .cpp files in $1"
}

build_plugin() {
    local folder bobbin out
    folder=$(callers_path "$1")
    look_at_plugin "$folder"
    prepare
    flags
    ! has_cxx "${SOURCES[@]}" || command -v "$CXX_HERE" >/dev/null || install_packages g++
    [ ! -f "$folder/needs" ] || install_needs "$folder/needs"
    build_bobbin "$(variant_folder)"
    bobbin=$(realpath "$(variant_folder)/bobbin")
    out="$(dirname "$bobbin")/plugins/$PLUGIN.so"
    read_needs "$folder" || exit 1
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
    compile_plugin "$SCRATCH" "$SCRATCH/$PLUGIN.so" "${SOURCES[@]}" &&
        (cd "$SCRATCH" && "$bobbin" --plugin "$PLUGIN.so" >/dev/null) ||
        die "$PLUGIN was not built"
    install -D -m 755 "$SCRATCH/$PLUGIN.so" "$out"
    say "built $out; mount it with a line \"/path = $PLUGIN\" in [routes]"
}

case ${1:-build} in
build)
    prepare
    build "$(variant_folder)"
    ;;
run) run ;;
test | check)
    prepare "${TEST_PACKAGES[@]}"
    source tests/run.sh
    run_tests "$1"
    ;;
bench)
    prepare "${BENCH_PACKAGES[@]}"
    WITH_TESTS=plugins build "$BUILD"
    BOBBIN_BUILD="$BUILD" exec tests/bench/run "$BUILD"
    ;;
install) install_to "${2:?usage: ./build.sh install PREFIX}" ;;
plugin) build_plugin "${2:?usage: ./build.sh plugin DIR}" ;;
clean) rm -rf "${BUILD:?}" ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
