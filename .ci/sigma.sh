#!/usr/bin/env bash
# Converts content/sigma/rules for Splunk and Lucene, and for SQLite, in which the tests evaluate them. Usage: .ci/sigma.sh SIGMA,
# the program of sigma-cli. What a target cannot say gives no file; tests/content/sigma.test.ts has the list.
set -euo pipefail
cd "$(dirname "$0")/.."
sigma=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

main() {
  local rule name
  rm -rf content/sigma/converted tests/content/sqlite
  mkdir -p content/sigma/converted/splunk content/sigma/converted/lucene tests/content/sqlite
  for rule in content/sigma/rules/*.yml; do
    name=$(basename "$rule" .yml)
    convert splunk splunk "$rule" "content/sigma/converted/splunk/$name.txt"
    convert sqlite ecs "$rule" "tests/content/sqlite/$name.txt"
    # Lucene cannot count: of a correlation it says the events that are counted, one line for each of its rules.
    awk 'BEGIN { RS = "---\n"; ORS = RS } !/\ncorrelation:/' "$rule" > "$folder/$name.yml"
    convert lucene ecs "$folder/$name.yml" "content/sigma/converted/lucene/$name.txt"
  done
}

# convert TARGET PIPELINE RULE RESULT
convert() {
  "$sigma" convert -t "$1" -p "content/sigma/pipelines/$2.yml" -s "$3" 2> /dev/null > "$4" || true
  [[ -s $4 ]] || rm "$4"
}

main
