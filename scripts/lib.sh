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

# Says which of Neutron's agents connect ports in the cloud of cloud/up, and fails where that cannot be: it is of Debian's
# packages, and Neutron's of Debian 13 has no Linux bridge agent any more.
cloud_l2() {
  case $( (. /etc/os-release && echo "${ID:-}-${VERSION_ID:-}") 2>/dev/null) in
    debian-12) echo linuxbridge openvswitch ;;
    debian-13) echo openvswitch ;;
    *) return 1 ;;
  esac
}

# Of thousands of tests with real processes on a machine that has others to serve, one fails now and then for a moment's
# sake: up to three that failed are run once more, alone, and what passes then is named, to be looked into.
AT_MOST_AGAIN=3
# failed_in CACHE: the tests that failed, as pytest has kept them there.
failed_in() {
  as_root .venv/bin/python -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))))' "$1/v/cache/lastfailed"
}
# once_more STATUS CACHE COMMAND…: where pytest has ended with STATUS, and few failed, COMMAND with their names after it.
once_more() {
  local failed=()
  [ "$1" != 1 ] || mapfile -t failed < <(failed_in "$2")
  [ "${#failed[@]}" -ge 1 ] && [ "${#failed[@]}" -le "$AT_MOST_AGAIN" ] || return "$1"
  say "${bold}Once more, alone:${plain}" "${failed[@]}"
  "${@:3}" "${failed[@]}" || return
  say "${bold}Failed among others and passed alone, why is to be found:${plain}" "${failed[@]}"
}
