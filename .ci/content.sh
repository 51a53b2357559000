#!/usr/bin/env bash
# What is in content/ for other products, seen by their own tools: sigma-cli checks the Sigma rules and converts them to what is in the
# repository; Microsoft's language service reads the queries for Sentinel. Needs Python 3, and PyPI and npm once.
set -euo pipefail
cd "$(dirname "$0")/.."
source .ci/retry.sh

SIGMA=(sigma-cli==3.1.0 pysigma==1.5.1 pysigma-backend-splunk==2.1.0 pysigma-backend-elasticsearch==2.1.1 pysigma-backend-sqlite==2.0.0)
KUSTO=12.4.1
TOOLS=$(realpath -m "${RECEIVERS_DIR:-.receivers}")
ENVIRONMENT=$TOOLS/sigma-3.1.0
SERVICE=$TOOLS/kusto-$KUSTO
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

main() {
  [[ -e $ENVIRONMENT/complete ]] || retry prepare_sigma
  [[ -e $SERVICE/complete ]] || retry prepare_kusto
  # These two would ask the network for lists of techniques.
  "$ENVIRONMENT/bin/sigma" check -i -x attacktag -x d3_fendtag content/sigma/rules
  "$ENVIRONMENT/bin/python" .ci/convert-sigma.py "$work"
  local same
  for same in content/sigma/converted tests/content/sqlite; do
    diff -r "$same" "$work/$same" || { echo "content: run $ENVIRONMENT/bin/python .ci/convert-sigma.py" && return 1; }
  done
  echo "content: $(find "$work" -name '*.txt' | wc -l) conversions are as they stand in the repository"
  node .ci/kql.mjs "$SERVICE"
}

prepare_sigma() {
  rm -rf "$ENVIRONMENT"
  mkdir -p "$TOOLS"
  # Debian keeps this part of Python in a package of its own.
  python3 -m venv "$ENVIRONMENT" > /dev/null 2>&1 || {
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv > /dev/null
    python3 -m venv "$ENVIRONMENT"
  }
  "$ENVIRONMENT/bin/pip" install --quiet --disable-pip-version-check "${SIGMA[@]}" && touch "$ENVIRONMENT/complete"
}

prepare_kusto() {
  rm -rf "$SERVICE"
  mkdir -p "$SERVICE"
  npm install --prefix "$SERVICE" --no-audit --no-fund --ignore-scripts --silent "@kusto/language-service-next@$KUSTO" > /dev/null &&
    touch "$SERVICE/complete"
}

main
