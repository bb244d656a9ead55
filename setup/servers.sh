#!/usr/bin/env bash
# Finds etcd, ZooKeeper and Prometheus, which some tests need, or installs them from the distribution where this user may do so.
#
#   setup/servers.sh           writes where they are to target/setup: etcd, etcdctl, java, zookeeper (a class path),
#                              prometheus, promtool
#   setup/servers.sh missing   says what is missing and how to mend it, a line for each; nothing when nothing is
#   setup/servers.sh skip      the arguments by which a test binary leaves out the tests that need what is missing
#
# $ETCD (and $ETCDCTL, where it does not stand beside it), $JAVA, $ZOOKEEPER_CLASSPATH and $PROMETHEUS (and $PROMTOOL, likewise)
# name others. The tests pass with etcd 3.4 and 3.6; make test-etcd runs those of faults with 3.6. No service is started: the tests
# start servers of their own. Tests that need one stand in a module `real_etcd`, `real_zookeeper` or `real_prometheus`; where it is
# missing they are left out, and setup/uncovered.sh says so.
. "$(dirname "$0")/shell.sh"

# What is here, as a whole path; nothing where it is not.
program() { realpath -s "$(command -v "$1")" 2>/dev/null || :; }
find_etcd() { program "${ETCD:-etcd}"; }
find_etcdctl() {
  local beside
  beside=$(dirname "$(find_etcd)")/etcdctl
  if [ -z "${ETCDCTL:-}" ] && [ -x "$beside" ]; then echo "$beside"; else program "${ETCDCTL:-etcdctl}"; fi
}
find_prometheus() { program "${PROMETHEUS:-prometheus}"; }
find_promtool() {
  local beside
  beside=$(dirname "$(find_prometheus)")/promtool
  if [ -z "${PROMTOOL:-}" ] && [ -x "$beside" ]; then echo "$beside"; else program "${PROMTOOL:-promtool}"; fi
}
find_java() { program "${JAVA:-java}"; }
# Not the configuration of the package `zookeeper`, which logs into /var/log, but a logger that writes to where it is started.
find_zookeeper() {
  local jars=/usr/share/java
  if [ -n "${ZOOKEEPER_CLASSPATH:-}" ]; then
    echo "$ZOOKEEPER_CLASSPATH"
  elif [ -e $jars/zookeeper.jar ]; then
    echo $jars/zookeeper.jar:$jars/slf4j-simple.jar
  fi
}

# What is missing: a line for each server, with its packages before a colon.
missing() {
  if [ -z "$(find_etcd)" ] || [ -z "$(find_etcdctl)" ]; then
    echo "etcd-server etcd-client: etcd (apt-get install etcd-server etcd-client, or ETCD=/path/to/etcd with etcdctl beside it)"
  fi
  if [ -z "$(find_java)" ] || [ -z "$(find_zookeeper)" ]; then
    echo "libzookeeper-java default-jre-headless: ZooKeeper (apt-get install libzookeeper-java default-jre-headless," \
      "or ZOOKEEPER_CLASSPATH='/path/to/zookeeper/lib/*' with java)"
  fi
  if [ -z "$(find_prometheus)" ] || [ -z "$(find_promtool)" ]; then
    echo "prometheus: Prometheus (apt-get install prometheus, or PROMETHEUS=/path/to/prometheus with promtool beside it)"
  fi
}

case ${1:-} in
  missing) missing | sed 's/^[^:]*: //'; exit ;;
  skip) missing | sed -n 's/.*: etcd .*/--skip real_etcd/p; s/.*: ZooKeeper .*/--skip real_zookeeper/p; s/.*: Prometheus .*/--skip real_prometheus/p' | tr '\n' ' '; exit ;;
  '') ;;
  *) die "unknown argument $1" "setup/servers.sh [missing|skip]" ;;
esac

for name in ETCD ETCDCTL JAVA PROMETHEUS PROMTOOL; do
  if [ -n "${!name:-}" ] && ! command -v "${!name}" >/dev/null; then die "$name=${!name} is no program" "unset $name, or let it name one"; fi
done

# install PACKAGE...: with a policy for this while that lets no service start
install() {
  local policy=/usr/sbin/policy-rc.d own='' log failed=''
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@")
  say "installs the packages $*"
  if [ ! -e $policy ]; then
    own=yes
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  log=$("${apt[@]}" 2>&1) || log=$(apt-get update 2>&1 && "${apt[@]}" 2>&1) || failed=yes
  [ -z "$own" ] || rm -f $policy
  [ -z "$failed" ] || say "apt-get could not install them: $(tail -n 1 <<<"$log")"
}

packages=$(missing | sed 's/: .*//')
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  # shellcheck disable=SC2086 # several words
  install $packages
fi
missing | sed 's/^[^:]*: //' | while read -r line; do say "not here, tests that need it are left out: $line"; done

for name in etcd etcdctl java zookeeper prometheus promtool; do
  path=$("find_$name")
  if [ -z "$path" ]; then
    rm -f "$made/$name"
  elif [ "$(cat "$made/$name" 2>/dev/null)" != "$path" ]; then
    write "$made/$name" "$path"
  fi
done
