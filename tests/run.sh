# The test suites, sourced by build.sh: `./build.sh test` and `./build.sh check`.
# Each suite prints what its runner prints; a table of seconds comes at the end.

SUITES=()   # "name seconds verdict"
FAILURES=0
THREADED="test_writer test_ticket test_door test_offload test_host test_slow"

# suite NAME COMMAND...
suite() {
    local name=$1 start=$SECONDS verdict=passed
    shift
    printf '\n==== %s\n' "$name"
    "$@" || {
        verdict=FAILED
        FAILURES=$((FAILURES + 1))
    }
    SUITES+=("$name $((SECONDS - start)) $verdict")
}

# Runs every unit of a build. Quiet when it passes, all its output when not.
run_units() {
    local out=$1 test log failed=0 count=0
    shift
    for test in "$@"; do
        [ -x "$out/tests/$test" ] || { echo "$test was not built"; failed=1; continue; }
        log="$out/tests/$test.log"
        count=$((count + 1))
        if timeout 120 "$out/tests/$test" >"$log" 2>&1 &&
            grep -qE '^\[  PASSED  \] [1-9][0-9]* test' "$log"; then
            grep -hE '^\[  PASSED  \]' "$log" | sed "s/^/$test: /"
        else
            echo "$test FAILED:"
            cat "$log"
            failed=1
        fi
    done
    [ "$count" -gt 0 ] || { echo "there are no units"; return 1; }
    return $failed
}

unit_names() {
    local file
    for file in tests/unit/test_*.c; do
        basename "$file" .c
    done
}

variant() { # compiler sanitizers folder: builds everything with its tests
    local CC=$1 SANITIZE=$2
    WITH_TESTS=yes build "$3"
}

# header LANGUAGE STANDARD FILE COMPILERS...
header() {
    local language=$1 standard=$2 file=$3 compiler
    shift 3
    for compiler in "$@"; do
        "$compiler" -std="$standard" -Wall -Wextra -pedantic -Werror -Iplugins -Itests/host \
            -fsyntax-only -x "$language" "$file" || return 1
        echo "$file is $standard for $compiler"
    done
}

header_checks() {
    local contract
    for contract in plugins/bobbin.h tests/host/bobbin-test.h; do
        header c c11 "$contract" gcc clang && header c++ c++17 "$contract" g++ clang++ || return 1
    done
    header c c11 tests/header/macros.c gcc clang &&
        header c++ c++20 tests/header/macros.c g++ clang++ &&
        header c++ c++20 tests/header/hosted.cc g++ clang++ &&
        header c++ c++17 tests/header/fields.cc g++ clang++ &&
        header c++ c++20 tests/header/fields.cc g++ clang++
}

# blackbox FOLDER PYTEST-OPTIONS...
blackbox() {
    local folder
    folder=$(realpath "$1")
    shift
    BUILD="$folder" BOBBIN_BUILD="$folder" /usr/bin/python3 -m pytest -q -p no:cacheprovider \
        "$@" tests/blackbox | tee "$folder/blackbox.log"
    return "${PIPESTATUS[0]}"
}

print_table() {
    local row
    printf '\n%-28s %8s  %s\n' suite seconds verdict
    for row in "${SUITES[@]}"; do
        # shellcheck disable=SC2086
        printf '%-28s %8s  %s\n' $row
    done
}

run_tests() {
    local names
    mapfile -t names < <(unit_names)
    umask 022
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
    suite build-gcc variant gcc "" "$BUILD"
    suite build-clang variant clang "" "$BUILD/clang"
    suite build-asan variant gcc address,undefined "$BUILD/asan"
    suite build-tsan variant gcc thread "$BUILD/tsan"
    suite headers header_checks
    suite contract-self /usr/bin/python3 tests/contract.py --self-test
    suite contract /usr/bin/python3 tests/contract.py
    suite borders-self /usr/bin/python3 tests/borders.py --self-test
    suite borders /usr/bin/python3 tests/borders.py "$BUILD"
    suite abi-self /usr/bin/python3 tests/abi.py --self-test
    suite abi /usr/bin/python3 tests/abi.py "$BUILD"
    suite units run_units "$BUILD" "${names[@]}"
    suite units-asan run_units "$BUILD/asan" "${names[@]}"
    # shellcheck disable=SC2086
    suite units-tsan run_units "$BUILD/tsan" $(for t in $THREADED; do [ ! -f tests/unit/$t.c ] || echo $t; done)
    [ "$1" = test ] || suite units-clang run_units "$BUILD/clang" "${names[@]}"
    suite blackbox blackbox "$BUILD" --durations=5
    # The same server, with sanitizers.
    suite blackbox-asan blackbox "$BUILD/asan" -m "not slow"
    print_table
    # The runners' own closing lines, the last of them pytest's, must be the last thing to read.
    [ "$FAILURES" -eq 0 ] || echo "$FAILURES suites failed"
    tail -qn 1 "$BUILD/blackbox.log" "$BUILD/asan/blackbox.log" 2>/dev/null || true
    [ "$FAILURES" -eq 0 ]
}
