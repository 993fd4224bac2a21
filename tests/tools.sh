# What the scripts beside this one share. It is sourced by them: bash, with `script` set to the name of the caller.
# shellcheck shell=bash

say() { printf '\n== %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "${script:?}" "$*" >&2
    exit 1
}

# Installs Debian packages if this user may, or says which.
install() {
    local packages=("$@")
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null && sudo=(sudo -n)
        [ ${#sudo[@]} -gt 0 ] || fail "please install first: apt-get install ${packages[*]}"
    fi
    command -v apt-get >/dev/null || fail "please install, by your system's means: ${packages[*]}"
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# Installs a cargo subcommand, if it is missing, into the user's own folder of such.
install_subcommand() {
    command -v "$1" >/dev/null && return
    say "Installing $1"
    env -u RUSTFLAGS -u RUSTC_BOOTSTRAP cargo install --quiet --locked "$1"
    PATH="$PATH:${CARGO_INSTALL_ROOT:-${CARGO_HOME:-$HOME/.cargo}}/bin"
    command -v "$1" >/dev/null || fail "cargo installed $1 where PATH does not lead"
}

command -v cargo >/dev/null || fail "please install Rust first: https://rustup.rs"
command -v cc >/dev/null || install gcc libc6-dev
