#!/usr/bin/env bash
# Package: parse-prometheus-text-format 1.1.1 (npm).
# Guess:   A histogram with labels gives one entry for each set of labels, as a counter does.
# Seen:    It gives one entry without labels. The buckets, sum and count of the last set stand for all.
#          A summary is merged in the same way. Counters and gauges are right.
# Matters: Latency by model, by route or by status is what one reads from a server's /metrics.
#          A page or a test that reads it so shows the numbers of one model, and which one is chance.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts parse-prometheus-text-format@1.1.1 >/dev/null

cat > seen.cjs <<'JS'
const module_ = require('parse-prometheus-text-format');
const parse = module_.default ?? module_;
const text = `# TYPE turns_total counter
turns_total{model="small"} 3
turns_total{model="large"} 5
# TYPE turn_seconds histogram
turn_seconds_bucket{model="small",le="1"} 2
turn_seconds_bucket{model="small",le="+Inf"} 3
turn_seconds_sum{model="small"} 4
turn_seconds_count{model="small"} 3
turn_seconds_bucket{model="large",le="1"} 0
turn_seconds_bucket{model="large",le="+Inf"} 5
turn_seconds_sum{model="large"} 60
turn_seconds_count{model="large"} 5
# TYPE read_seconds summary
read_seconds{model="small",quantile="0.5"} 1
read_seconds_sum{model="small"} 2
read_seconds_count{model="small"} 2
read_seconds{model="large",quantile="0.5"} 9
read_seconds_sum{model="large"} 18
read_seconds_count{model="large"} 2
`;
const families = Object.fromEntries(parse(text).map((family) => [family.name, family.metrics]));
for (const [name, metrics] of Object.entries(families)) console.log(name, JSON.stringify(metrics));
const alone = (name) => families[name].length === 1 && families[name][0].labels === undefined;
const same =
  families.turns_total.length === 2 &&
  alone('turn_seconds') && families.turn_seconds[0].buckets['+Inf'] === '5' &&
  alone('read_seconds') && families.read_seconds[0].quantiles['0.5'] === '9';
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
