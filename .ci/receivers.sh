#!/usr/bin/env bash
# Installs the real receivers that tests/receivers/ sends to, on Debian 12 as root. Every step is left out when its result
# is there already. What apt does not install goes to RECEIVERS_DIR (./.receivers unless set), which may be kept as a cache.
# Expected on the machine: Go 1.24 or later, Java 17 or later, Maven, Python 3, Node.js. docs/testing-receivers.md tells more.
set -euo pipefail
cd "$(dirname "$0")/.."

RECEIVERS_DIR=$(realpath -m "${RECEIVERS_DIR:-.receivers}")
SETUP=$PWD/tests/receivers/setup
OPENSEARCH=2.19.1
ELASTICSEARCH=8.19.0
COLLECTOR_BUILDER=0.145.0
MOTO=5.2.5
SYSLOG_NG_PACKAGES=(syslog-ng-core libivykis0 libnet1 libpcre3 libwrap0)
APT_PACKAGES=(rsyslog rsyslog-gnutls rsyslog-openssl rsyslog-relp haproxy nginx-light openssl python3-venv unzip util-linux postgresql)

main() {
  require_tools
  mkdir -p "$RECEIVERS_DIR/downloads"
  step 'Debian packages' install_packages
  step 'syslog-ng, unpacked' unpack_syslog_ng
  step 'promtool, unpacked' unpack_promtool
  step "OpenSearch $OPENSEARCH" unpack_server org.opensearch.distribution.integ-test-zip opensearch "$OPENSEARCH"
  step "OpenSearch's security plugin" add_security
  step "Elasticsearch $ELASTICSEARCH" unpack_server org.elasticsearch.distribution.integ-test-zip elasticsearch "$ELASTICSEARCH"
  step "moto $MOTO" install_moto
  step "OpenTelemetry Collector $COLLECTOR_BUILDER" build_collector
}

require_tools() {
  local tool missing=()
  for tool in go java mvn python3 node; do
    command -v "$tool" > /dev/null || missing+=("$tool")
  done
  if ((${#missing[@]} > 0)); then
    echo "receivers: these tools must be on the machine first: ${missing[*]}" >&2
    exit 1
  fi
  if [[ $(id -u) != 0 ]]; then
    echo 'receivers: run this as root, it installs Debian packages' >&2
    exit 1
  fi
}

# step TITLE COMMAND...: runs the command and prints how long it took.
step() {
  local title=$1 started=$SECONDS
  shift
  "$@"
  echo "receivers: $title: $((SECONDS - started)) s"
}

install_packages() {
  local package wanted=()
  for package in "${APT_PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'install ok installed' || wanted+=("$package")
  done
  ((${#wanted[@]} > 0)) || return 0
  apt-get -qq update
  # No service may start on the way: the tests start their own, with their own configuration.
  with_services_denied apt-get -qq install -y --no-install-recommends "${wanted[@]}" > /dev/null
}

with_services_denied() {
  local policy=/usr/sbin/policy-rc.d made=no
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    made=yes
  fi
  local outcome=0
  DEBIAN_FRONTEND=noninteractive "$@" || outcome=$?
  [[ $made == no ]] || rm -f "$policy"
  return "$outcome"
}

# apt refuses syslog-ng beside rsyslog, so its packages are unpacked into a folder, libraries and modules side by side.
unpack_syslog_ng() {
  local target=$RECEIVERS_DIR/syslog-ng fresh=$RECEIVERS_DIR/syslog-ng.new
  [[ ! -e $target/complete ]] || return 0
  rm -rf "$target" "$fresh"
  mkdir -p "$fresh" "$RECEIVERS_DIR/downloads/debian"
  apt-cache show syslog-ng-core > /dev/null 2>&1 || apt-get -qq update
  (
    cd "$RECEIVERS_DIR/downloads/debian"
    rm -f ./*.deb
    apt-get -qq download "${SYSLOG_NG_PACKAGES[@]}" 2> /dev/null
    for package in *.deb; do dpkg-deb -x "$package" "$fresh"; done
  )
  mkdir -p "$fresh/libraries" "$fresh/modules"
  find "$fresh/lib" "$fresh/usr/lib" -name 'lib*.so.*' -exec cp -P -t "$fresh/libraries" {} +
  cp "$fresh"/usr/lib/syslog-ng/*/*.so "$fresh/modules"
  LD_LIBRARY_PATH=$fresh/libraries "$fresh/usr/sbin/syslog-ng" --version > /dev/null
  touch "$fresh/complete"
  mv "$fresh" "$target"
}

# The tool alone: nobody needs the server here.
unpack_promtool() {
  local target=$RECEIVERS_DIR/promtool folder
  [[ ! -e $target ]] || return 0
  folder=$(mktemp -d)
  chmod 755 "$folder"
  apt-cache show prometheus > /dev/null 2>&1 || apt-get -qq update
  (cd "$folder" && apt-get -qq download prometheus 2> /dev/null && dpkg-deb -x prometheus_*.deb .)
  cp "$folder/usr/bin/promtool" "$target"
  rm -rf "$folder"
}

# unpack_server GROUP NAME VERSION: the server's own zip from Maven Central.
unpack_server() {
  local group=$1 name=$2 version=$3 target=$RECEIVERS_DIR/$2-$3
  [[ ! -e $target/complete ]] || return 0
  rm -rf "$target"
  # Outside the checkout, so that Maven looks for no project.
  (cd / && mvn -B -q -Dstyle.color=never dependency:copy "-Dartifact=$group:$name:$version:zip" \
    "-DoutputDirectory=$RECEIVERS_DIR/downloads")
  unzip -q -o "$RECEIVERS_DIR/downloads/$name-$version.zip" -d "$RECEIVERS_DIR"
  rm -f "$RECEIVERS_DIR/downloads/$name-$version.zip"
  touch "$target/complete"
}

# A second copy, since a node either has users or has none.
add_security() {
  local plain=$RECEIVERS_DIR/opensearch-$OPENSEARCH target=$RECEIVERS_DIR/opensearch-$OPENSEARCH-security
  local plugin=opensearch-security fresh=$target.new
  [[ ! -e $target/complete ]] || return 0
  rm -rf "$target" "$fresh"
  (cd / && mvn -B -q -Dstyle.color=never dependency:copy "-Dartifact=org.opensearch.plugin:$plugin:$OPENSEARCH.0:zip" \
    "-DoutputDirectory=$RECEIVERS_DIR/downloads")
  cp -a "$plain" "$fresh"
  OPENSEARCH_JAVA_HOME=$(dirname "$(dirname "$(realpath "$(command -v java)")")") \
    "$fresh/bin/opensearch-plugin" install --batch "file:$RECEIVERS_DIR/downloads/$plugin-$OPENSEARCH.0.zip" > /dev/null
  rm -f "$RECEIVERS_DIR/downloads/$plugin-$OPENSEARCH.0.zip"
  mv "$fresh" "$target"
}

# In an environment of its own, so that nothing of the machine's Python changes.
install_moto() {
  local target=$RECEIVERS_DIR/moto
  [[ $(cat "$target/version" 2> /dev/null) != "$MOTO" ]] || return 0
  rm -rf "$target"
  python3 -m venv "$target"
  "$target/bin/pip" install --quiet --disable-pip-version-check "moto[s3,server]==$MOTO"
  echo "$MOTO" > "$target/version"
}

build_collector() {
  local target=$RECEIVERS_DIR/collector manifest=$SETUP/collector/manifest.yaml
  ! cmp -s "$manifest" "$target/manifest.yaml" || return 0
  rm -rf "$target"
  mkdir -p "$target"
  export GOFLAGS="${GOFLAGS:-} -p=2"
  GOBIN=$target nice -n 10 go install "go.opentelemetry.io/collector/cmd/builder@v$COLLECTOR_BUILDER" 2> "$target/build.log" &&
    (cd "$target" && nice -n 10 ./builder --config "$manifest" >> build.log 2>&1) || {
    echo 'receivers: the collector could not be built:' >&2
    tail -n 40 "$target/build.log" >&2
    exit 1
  }
  mv "$target/source/hec-receiver" "$target/hec-receiver"
  rm -rf "$target/source" "$target/builder"
  cp "$manifest" "$target/manifest.yaml"
}

main
