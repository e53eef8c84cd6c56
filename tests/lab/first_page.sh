#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The README's "Two machines", line by line as it stands there, in two network namespaces: the client has wlan0 and wwan0,
# the server one address that both reach and an sshd. Then wlan0 goes down, and the session goes on.
. "$(dirname "$0")/lib.inc"
need sshd ssh scp ssh-keygen ip unshare nsenter ss
[ "$(id -u)" -eq 0 ] || skip 'network namespaces need root'

home=$(getent passwd "$(id -u)" | cut -d: -f6)
mkdir -p "$work/bin" "$work/client/.ssh" "$work/server" /run/sshd
chmod 700 "$work"/client/.ssh
ln -s "$rendr" "$work/bin/rendr"

declare -A holder
# make_machine NAME: namespaces of its own, with its own home folder and hosts file.
make_machine() {
  unshare --net --mount sleep infinity &
  holder[$1]=$!
  pids+=("${holder[$1]}")
  until [ "$(readlink "/proc/${holder[$1]}/ns/net")" != "$(readlink /proc/self/ns/net)" ] 2>/dev/null; do :; done
  printf '127.0.0.1 localhost\n203.0.113.1 server\n' >"$work/hosts"
  on "$1" sh -c "mount --make-rprivate / && mount --bind '$work/$1' '$home' && mount --bind '$work/hosts' /etc/hosts"
  on "$1" ip link set lo up
}
# on NAME COMMAND...: runs it there, in the home folder. `start` does so beside us, under a pid of its own.
on() { (become "$@"); }
start() {
  become "$@" &
  pids+=($!)
}
become() {
  local at=/proc/${holder[$1]}/ns
  shift
  exec env "HOME=$home" "PATH=$work/bin:$PATH" nsenter "--net=$at/net" "--mount=$at/mnt" \
    sh -c 'cd "$0" && exec "$@"' "$home" "$@"
}
# connect DEVICE NUMBER METRIC: a cable from that device of the client to the server.
connect() {
  on client ip link add "$1" type veth peer name "cable$2" netns "${holder[server]}"
  on client ip addr add "198.51.$2.2/24" dev "$1"
  on server ip addr add "198.51.$2.1/24" dev "cable$2"
  on client ip link set "$1" up
  on server ip link set "cable$2" up
  on client ip route add default via "198.51.$2.1" dev "$1" metric "$3"
}
await_on() { # MACHINE PORT
  local i
  for i in $(seq 200); do
    [ -z "$(on "$1" ss -Hltn "sport = :$2")" ] || return 0
    sleep 0.1
  done
  fail "nothing listens on port $2 of the $1"
}

make_machine server
make_machine client
namespaces=("$(stat -L -c %i "/proc/${holder[server]}/ns/net")" "$(stat -L -c %i "/proc/${holder[client]}/ns/net")")
# Nothing may live on there: what does is ended, and the script has failed.
after_processes() {
  local process where left=0
  for process in /proc/[0-9]*; do
    where=$(stat -L -c %i "$process/ns/net" 2>/dev/null) || continue
    [[ " ${namespaces[*]} " == *" $where "* ]] || continue
    printf 'LEFT BEHIND: %s %s\n' "${process#/proc/}" "$(tr '\0' ' ' <"$process/cmdline" | cut -c1-80)"
    kill -KILL "${process#/proc/}" 2>/dev/null || true
    left=1
  done
  return $left
}
on server ip addr add 203.0.113.1/32 dev lo
connect wlan0 100 10
connect wwan0 101 20

ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$work/client/.ssh/id_ed25519"
cp "$work/client/.ssh/id_ed25519.pub" "$work/authorized_keys"
printf 'Host *\n  StrictHostKeyChecking accept-new\n  LogLevel ERROR\n' >"$work/client/.ssh/config"
cat >"$work/sshd_config" <<CONF
ListenAddress 0.0.0.0:22
HostKey $work/host_key
AuthorizedKeysFile $work/authorized_keys
PidFile $work/sshd.pid
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
Subsystem sftp internal-sftp
CONF
start server "$(PATH=$PATH:/usr/sbin command -v sshd)" -D -e -f "$work/sshd_config" 2>"$work/sshd.log"
await_on server 22

mapfile -t lines < <(sed -n '/^## Two machines$/,/^## When/s/^\(server\|client\)\$ /\1 /p' "$here/../../README.md")
[ ${#lines[@]} -eq 6 ] || fail "the README has ${#lines[@]} lines for two machines, not 6"
for line in "${lines[@]}"; do
  machine=${line%% *}
  command=${line#* }
  printf '%s$ %s\n' "$machine" "$command"
  case $command in
    'rendr serve '* | 'rendr forward '*)
      name=${command#rendr } name=${name%% *}
      start "$machine" sh -c "exec $command" 2>"$work/$name.log"
      port=7000
      [ "$name" = serve ] || port=2222
      await_on "$machine" $port
      ;;
    'ssh '*) session=$command ;;
    *) on "$machine" sh -c "$command" || fail "it ended with $?" ;;
  esac
done

coproc terminal { become client sh -c "exec $session" 2>"$work/ssh.log"; }
terminal_pid=$!
exec 5>&"${terminal[1]}" 6<&"${terminal[0]}"
pids+=("$terminal_pid")
says_back() {
  local answer
  # The word is put together there, so that an echo of the command is no answer.
  printf 'echo "$USER-"%s\n' "$1" >&5
  read -r -t 60 -u 6 answer || fail "the session did not answer to $1: $(tail -n 1 "$work/ssh.log")"
  [ "${answer#*-}" = "$1" ] || fail "the session answered \"$answer\" to $1"
}
says_back before
for i in $(seq 100); do
  [ "$(on client ss -Htn state established dport = :7000 | wc -l)" -lt 2 ] || break
  [ "$i" -lt 100 ] || fail 'the two paths did not come up'
  sleep 0.1
done
on client ip link set wlan0 down
says_back after
grep -q 'path wifi: [a-z]* -> suspect' "$work/forward.log" || fail 'wifi was not left'
printf 'exit\n' >&5
wait "$terminal_pid" || fail "ssh ended with $?"
echo 'the six lines of the README made a session, which outlived wlan0'
