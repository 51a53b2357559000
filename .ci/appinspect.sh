#!/usr/bin/env bash
# Packs every Splunk app and add-on of content as Splunk wants it and runs Splunk's own AppInspect over it. AppInspect ends with 0 whatever it
# finds, so its report decides: not one failure, error or warning. Needs Python 3 and, once, PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

APPINSPECT=4.3.1
ENVIRONMENT=$(realpath -m "${RECEIVERS_DIR:-.receivers}")/appinspect-$APPINSPECT
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

main() {
  [[ -e $ENVIRONMENT/complete ]] || prepare
  local app status=0
  for app in content/splunk*/*/default/app.conf; do
    inspect "$(dirname "$(dirname "$app")")" || status=1
  done
  return "$status"
}

prepare() {
  rm -rf "$ENVIRONMENT"
  mkdir -p "$(dirname "$ENVIRONMENT")"
  # Debian keeps this part of Python in a package of its own.
  python3 -m venv "$ENVIRONMENT" > /dev/null 2>&1 || {
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv > /dev/null
    python3 -m venv "$ENVIRONMENT"
  }
  "$ENVIRONMENT/bin/pip" install --quiet --disable-pip-version-check "splunk-appinspect==$APPINSPECT" ||
    { sleep 10 && "$ENVIRONMENT/bin/pip" install --quiet "splunk-appinspect==$APPINSPECT"; }
  touch "$ENVIRONMENT/complete"
}

inspect() {
  local app
  app=$(basename "$1")
  tar --owner=0 --group=0 --mode='u=rwX,go=rX' -C "$(dirname "$1")" -czf "$work/$app.tgz" "$app"
  "$ENVIRONMENT/bin/splunk-appinspect" inspect "$work/$app.tgz" --mode precert --data-format json \
    --output-file "$work/$app.json" > "$work/$app.log" 2>&1 || { cat "$work/$app.log" && return 1; }
  python3 - "$app" "$work/$app.json" << 'END'
import json, sys
app, path = sys.argv[1:]
report = json.load(open(path))
bad = {"failure", "error", "warning", "future_failure", "skipped"}
for check in (c for r in report["reports"] for g in r["groups"] for c in g["checks"] if c["result"] in bad):
    print(f"{app}: {check['result']} of {check['name']}: " + " ".join(m["message"] for m in check["messages"]))
summary = report["summary"]
print(f"{app}: {summary['success']} checks passed, {sum(summary[kind] for kind in bad)} did not")
sys.exit(any(summary[kind] for kind in bad) or summary["success"] == 0)
END
}

main
