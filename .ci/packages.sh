#!/usr/bin/env bash
# Installs what tests/packages/ needs, on Debian 12 as root: buildah and podman, helm, the schemas of Kubernetes, of the
# Prometheus operator and of Compose. What apt does not install goes to PACKAGE_TOOLS_DIR, a cache that outlives the checkout: helm takes
# minutes to build. Expected on the machine: Go, Python 3 with venv, Node.js.
set -euo pipefail
cd "$(dirname "$0")/.."

TOOLS=$(realpath -m "${PACKAGE_TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/auditferry-package-tools}")
HELM=3.22.0
KUBERNETES_VALIDATE=1.37.0
PROMETHEUS_OPERATOR=0.85.0
COMPOSE=2.16.2
APT_PACKAGES=(buildah podman runc)

main() {
  mkdir -p "$TOOLS"
  step 'Debian packages' install_packages
  step "helm $HELM" build_helm
  step "kubernetes-validate $KUBERNETES_VALIDATE" install_kubernetes_validate
  step "the Prometheus operator's schemas" fetch_operator_schemas
  step 'the schema of Compose' fetch_compose_schema
}

# step TITLE COMMAND...: runs the command and prints how long it took.
step() {
  local title=$1 started=$SECONDS
  shift
  "$@"
  echo "packages: $title: $((SECONDS - started)) s"
}

install_packages() {
  local package wanted=()
  for package in "${APT_PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'install ok installed' || wanted+=("$package")
  done
  ((${#wanted[@]} > 0)) || return 0
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${wanted[@]}" > /dev/null
}

build_helm() {
  [[ ! -x $TOOLS/helm || $("$TOOLS/helm" version --template '{{.Version}}') != "v$HELM" ]] || return 0
  GOBIN=$TOOLS GOFLAGS="${GOFLAGS:-} -p=2" nice -n 10 \
    go install -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=v$HELM" \
    "helm.sh/helm/v3/cmd/helm@v$HELM" 2> "$TOOLS/helm.log" || {
    echo 'packages: helm could not be built:' >&2
    tail -n 40 "$TOOLS/helm.log" >&2
    exit 1
  }
}

install_kubernetes_validate() {
  [[ ! -e $TOOLS/python/complete-$KUBERNETES_VALIDATE ]] || return 0
  rm -rf "$TOOLS/python"
  python3 -m venv "$TOOLS/python"
  "$TOOLS/python/bin/pip" -q install "kubernetes-validate==$KUBERNETES_VALIDATE"
  touch "$TOOLS/python/complete-$KUBERNETES_VALIDATE"
}

fetch_operator_schemas() {
  local target=$TOOLS/prometheus-operator-$PROMETHEUS_OPERATOR
  fetch_from_module "github.com/prometheus-operator/prometheus-operator@v$PROMETHEUS_OPERATOR" "$target" \
    example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,prometheusrules}.yaml
}

fetch_compose_schema() {
  fetch_from_module "github.com/compose-spec/compose-go/v2@v$COMPOSE" "$TOOLS/compose-$COMPOSE" schema/compose-spec.json
}

# fetch_from_module MODULE TARGET FILE...: files of a Go module, without building anything.
fetch_from_module() {
  local module=$1 target=$2 folder file
  shift 2
  [[ ! -e $target/complete ]] || return 0
  folder=$(cd / && go mod download -json "$module" | sed -n 's/^\s*"Dir": "\(.*\)",\?$/\1/p')
  mkdir -p "$target"
  for file in "$@"; do cp "$folder/$file" "$target"; done
  chmod -R u+w "$target"
  touch "$target/complete"
}

main
