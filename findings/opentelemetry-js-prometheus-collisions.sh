#!/usr/bin/env bash
# @opentelemetry/exporter-prometheus (npm, 0.223.0): two attributes whose names differ in a dot or dash only come out as one
# label twice in one sample. OpenTelemetry's Prometheus compatibility text has their values joined with ";". Prometheus 2.42
# (Debian 12) then takes nothing of the page, "label name is not unique", and the target is down. Two metrics that meet so are
# both written, with HELP and TYPE twice, which the text format allows once: promtool refuses the page, and Prometheus keeps the
# first sample alone. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(@opentelemetry/exporter-prometheus@0.223.0 @opentelemetry/sdk-metrics@2.12.1)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const { PrometheusExporter, PrometheusSerializer } = require('@opentelemetry/exporter-prometheus');
const { MeterProvider } = require('@opentelemetry/sdk-metrics');
const show = async record => {
  const reader = new PrometheusExporter({ preventServerStart: true });
  record(new MeterProvider({ readers: [reader] }).getMeter('m'));
  const { resourceMetrics } = await reader.collect();
  const page = new PrometheusSerializer('', false, undefined, true, true).serialize(resourceMetrics);
  console.log(page.split('\n').filter(line => line && !line.includes('HELP')).join('\n'));
};
(async () => {
  await show(meter => meter.createCounter('requests').add(1, { 'peer.name': 'a', 'peer-name': 'b' }));
  await show(meter => {
    meter.createCounter('bytes.sent').add(1);
    meter.createCounter('bytes_sent').add(2);
  });
})();
X
node look.js | tee seen
diff seen - <<'X'
# TYPE requests_total counter
requests_total{peer_name="a",peer_name="b"} 1
# TYPE bytes_sent_total counter
bytes_sent_total 1
# TYPE bytes_sent_total counter
bytes_sent_total 2
X
