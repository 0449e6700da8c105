# What the scripts share: messages, colours on a terminal only, and root where a step needs it.
# Sourced, never run. Must not change the machine.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
STATE=/var/lib/evener

if [ -t 1 ]; then
  bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' green='' red='' plain=''
fi

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "${red}$*${plain}" >&2; exit 1; }

# Runs a command as root: itself when root, through sudo when not.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "This needs root and there is no sudo: $*"
  fi
}

# Fails where the cloud of cloud/up cannot be: it is of Debian 12's packages. Debian 13 has no Linux bridge agent of Neutron's
# and no command `neutron`, other systems have other versions.
cloud_can_be() { (. /etc/os-release && [ "${ID:-}-${VERSION_ID:-}" = debian-12 ]) 2>/dev/null; }
