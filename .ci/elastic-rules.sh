#!/usr/bin/env bash
# Elastic's detection rules of other languages than Lucene: EQL is run over the scenarios of tests/content by the library that it comes from;
# ES|QL is read with the grammar of Elasticsearch. Needs Java 17, Maven, Python 3 and Node.js, and PyPI and Maven Central once.
set -euo pipefail
cd "$(dirname "$0")/.."
source .ci/retry.sh

EQL=1.0.1
ELASTICSEARCH=8.19.0
JARS=(
  "org.elasticsearch.plugin:x-pack-esql:$ELASTICSEARCH" "org.elasticsearch:elasticsearch:$ELASTICSEARCH"
  "org.elasticsearch:elasticsearch-core:$ELASTICSEARCH" "org.elasticsearch:elasticsearch-x-content:$ELASTICSEARCH"
  org.apache.lucene:lucene-core:9.12.2 org.antlr:antlr4-runtime:4.13.1
)
TOOLS=$(realpath -m "${RECEIVERS_DIR:-.receivers}")
ENVIRONMENT=$TOOLS/eql-$EQL
GRAMMAR=$TOOLS/esql-$ELASTICSEARCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

main() {
  [[ -e $ENVIRONMENT/complete ]] || retry prepare_eql
  [[ -e $GRAMMAR/complete ]] || retry prepare_grammar
  npx node tests/content/elastic/print-scenarios.ts > "$work/scenarios.json"
  "$ENVIRONMENT/bin/python" .ci/elastic-rules.py "$work/scenarios.json"
  javac -d "$work" -cp "$GRAMMAR/*" .ci/EsqlGrammar.java
  local queries
  mapfile -t queries < <(npx node -e '
    const rules = require("node:fs").readFileSync("content/elastic/elasticsearch/detection-rules.ndjson", "utf8");
    for (const line of rules.trim().split("\n")) {
      const { language, query } = JSON.parse(line);
      if (language === "esql") console.log(query.replaceAll("\n", " "));
    }')
  java -cp "$work:$GRAMMAR/*" org.elasticsearch.xpack.esql.parser.EsqlGrammar "${queries[@]}"
}

prepare_eql() {
  rm -rf "$ENVIRONMENT"
  mkdir -p "$TOOLS"
  python3 -m venv "$ENVIRONMENT"
  "$ENVIRONMENT/bin/pip" install --quiet --disable-pip-version-check "eql==$EQL" && touch "$ENVIRONMENT/complete"
}

prepare_grammar() {
  rm -rf "$GRAMMAR"
  mkdir -p "$GRAMMAR"
  local jar
  # Outside the checkout, so that Maven looks for no project.
  for jar in "${JARS[@]}"; do
    (cd / && mvn -B -q -Dstyle.color=never dependency:copy "-Dartifact=$jar" "-DoutputDirectory=$GRAMMAR")
  done
  touch "$GRAMMAR/complete"
}

main
