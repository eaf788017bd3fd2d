#!/usr/bin/env bash
# Helm 4.1.4: a value that values.yaml sets to null is there for helm template and helm install, and not for helm lint. So a chart whose
# schema requires it renders and installs, and fails lint. HELM names the binary. Exits 1 if that changes.
set -euo pipefail
helm=${HELM:-helm}
command -v "$helm" >/dev/null || { echo "no helm: HELM=.cache/deploy/bin/helm after make deploy-test" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/chart/templates"
printf 'apiVersion: v2\nname: chart\nversion: 0.1.0\n' >"$folder/chart/Chart.yaml"
echo 'number: null' >"$folder/chart/values.yaml"
echo '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["number"]}' >"$folder/chart/values.schema.json"
echo 'number: {{ .Values.number | quote }}' >"$folder/chart/templates/x.yaml"
{
    "$helm" template "$folder/chart" >/dev/null 2>&1 && echo "template takes it"
    "$helm" lint "$folder/chart" 2>&1 | grep -o "missing property 'number'"
} | tee "$folder/seen"
diff "$folder/seen" - <<'X'
template takes it
missing property 'number'
X
