# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of this folder; sourced, never run.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build_packages=(g++ cmake ninja-build pkg-config libasio-dev libsodium-dev libgnutls28-dev libisal-dev
  libmnl-dev libcli11-dev libgtest-dev ccache mold)
[ "$(uname -m)" != x86_64 ] || build_packages+=(libipsec-mb-dev)

say() { printf '%s\n' "$*" >&2; }
die() {
  say "${0##*/}: $*"
  exit 1
}

# as_root COMMAND...: runs it as root; fails when there is no way to.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# install_packages YES PACKAGE...: installs the missing ones. It says which, and asks first when it runs on a terminal
# and YES is empty. Where it cannot install, it says what is missing and leaves the verdict to the build's own probe.
install_packages() {
  local yes=$1 answer log missing
  shift
  if ! command -v apt-get >/dev/null; then
    say "Not a Debian system: please install the equivalents of: $*"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    say "Missing Debian packages: ${missing[*]}"
    say "There is no sudo here to install them. As root: apt-get install ${missing[*]}"
    return 0
  fi
  say "Will install these Debian packages: ${missing[*]}"
  if [ -z "$yes" ] && [ -t 0 ] && [ -t 1 ]; then
    read -r -p 'Install them now? [Y/n] ' answer || answer=n
    case $answer in '' | y | Y | yes) ;; *) die 'nothing was installed' ;; esac
  fi
  log=$(mktemp)
  if ! { as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "could not install: ${missing[*]}"
  fi
  rm -f "$log"
}

# of_build: passes on what ninja says, but of its count one line in 30 s.
of_build() {
  local line last=$SECONDS
  while IFS= read -r line; do
    case $line in
      'ninja: no work to do'* | 'ninja: Entering directory'*) ;;
      \[[0-9]*/[0-9]*\]*)
        [ $((SECONDS - last)) -ge 30 ] || continue
        last=$SECONDS
        say "$line"
        ;;
      *) say "$line" ;;
    esac
  done
}

# build PRESET [TARGET...]: configures and builds. Printed are warnings, errors, one closing line, and how far it is: on
# a terminal ninja's own count, elsewhere a line every 30 s.
# CONFIGURE_ARGS may hold further options for the configuration.
build() {
  local preset=$1 log start=$SECONDS tool
  shift
  for tool in cmake ninja; do
    command -v "$tool" >/dev/null || die "$tool is not installed"
  done
  log=$(mktemp)
  if ! (cd "$root" && cmake --preset "$preset" ${CONFIGURE_ARGS:-}) >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "the configuration of preset $preset failed"
  fi
  rm -f "$log"
  say "Building preset $preset ..."
  (
    set -o pipefail
    if [ -t 2 ]; then
      ninja -C "$root/build/$preset" -j "$(nproc)" "$@" >&2
    else
      ninja -C "$root/build/$preset" -j "$(nproc)" "$@" 2>&1 | of_build
    fi
  ) || die "the build of preset $preset failed"
  say "Built preset $preset in $((SECONDS - start)) s."
}
