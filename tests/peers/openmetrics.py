#!/usr/bin/python3
"""openmetrics <TEXT - what the parser of the Prometheus client library makes of OpenMetrics, as JSON

It is strict.  The answer: {"NAME": {"type", "unit", "help", "samples": [{"name", "labels", "value"}]}}
"""
import json, math, sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def value(v):
    return int(v) if math.isfinite(v) and v == int(v) else v


families = {}
for f in text_string_to_metric_families(sys.stdin.read()):
    if f.name in families:
        sys.exit(f"{f.name} is there twice")
    samples = [{"name": s.name, "labels": s.labels, "value": value(s.value)} for s in f.samples]
    seen = {(s["name"], *sorted(s["labels"].items())) for s in samples}
    if len(seen) != len(samples):
        sys.exit(f"{f.name} has a sample twice")
    families[f.name] = {"type": f.type, "unit": f.unit, "help": f.documentation, "samples": samples}
json.dump(families, sys.stdout)
