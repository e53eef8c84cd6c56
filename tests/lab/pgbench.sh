#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL and pgbench while the path in use dies: no transaction fails, and each that was reported is in the table.
. "$(dirname "$0")/lib.inc"
postgres_bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$postgres_bin/pgbench" ] || skip 'postgresql is not installed'
getent passwd postgres >/dev/null || skip 'there is no user postgres'
need sha256sum
. "$here/links.inc"

seconds=60
[ -z "$short" ] || seconds=12
user=(setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$work/postgres")
chmod 711 "$work"
install -d -o postgres -g postgres "$work/postgres"
"${user[@]}" "$postgres_bin/initdb" -D "$work/postgres/data" --auth=trust --no-sync --locale=C -E UTF8 >"$work/initdb.log" 2>&1 ||
  fail 'initdb failed'
start_links
"${far[@]}" "${user[@]}" "$postgres_bin/postgres" -D "$work/postgres/data" -c listen_addresses=127.0.0.1 -c port=5432 \
  -c unix_socket_directories= -c fsync=off >"$work/postgres.log" 2>&1 &
pids+=($!)
await_far 5432
start_serve_far db=127.0.0.1:5432
start_forward_near 5433 db "$selector_root"

at_server=("${far[@]}" "${user[@]}" "$postgres_bin/psql" -h 127.0.0.1 -p 5432 -d postgres -Atqc)
for i in $(seq 100); do
  [ "$("${at_server[@]}" 'select 1' 2>/dev/null)" != 1 ] || break
  sleep 0.1
done
"${far[@]}" "${user[@]}" "$postgres_bin/pgbench" -h 127.0.0.1 -p 5432 -i -s 4 -q postgres >"$work/pgbench_init.log" 2>&1 ||
  fail 'the tables could not be made'
note_descriptors "$forward_pid" "$serve_pid"

# 3 MB of text each way beside it, in one statement.
head -c 1500000 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$work/text"
sum=$(sha256sum <"$work/text")
chmod 644 "$work/text"
psql=("${near[@]}" "${user[@]}" "$postgres_bin/psql" -h 127.0.0.1 -p 5433 -d postgres -At -v ON_ERROR_STOP=1)
(
  "${near[@]}" "${user[@]}" "$postgres_bin/pgbench" -h 127.0.0.1 -p 5433 -T "$seconds" -c 8 -j 2 -P 2 postgres \
    >"$work/pgbench.out" 2>"$work/pgbench.log" &
  bench=$!
  {
    printf 'create table texts (t text);\n'
    printf '\\copy texts from %s\n' "'$work/text'"
    printf '\\copy texts to stdout\n'
  } | "${psql[@]}" 2>"$work/psql.log" | grep -vxE 'CREATE TABLE|COPY [0-9]+' | tr -d '\n' | sha256sum >"$work/text.sum"
  wait $bench
) &
all=$!
pids+=($all)
cut_while $all
wait $all || fail 'pgbench failed'

[ "$(cat "$work/text.sum")" = "$sum" ] || fail 'the text came back otherwise'
grep -E 'number of (transactions|failed)|^tps|latency average' "$work/pgbench.out"
done_=$(sed -nE 's/^number of transactions actually processed: ([0-9]+).*/\1/p' "$work/pgbench.out")
grep -q '^number of failed transactions: 0 ' "$work/pgbench.out" || fail 'transactions failed'
rows=$("${at_server[@]}" 'select count(*) from pgbench_history')
balance=$("${at_server[@]}" 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)')
printf '%s transactions reported, %s in the table, balances equal: %s; text of 3 MB equal\n' "$done_" "$rows" "$balance"
[ "$done_" -gt 0 ] && [ "$rows" -eq "$done_" ] || fail "$done_ transactions were reported, $rows are in the table"
[ "$balance" = t ] || fail 'the balances differ'
judge_deaths
report_darkness
judge_descriptors
