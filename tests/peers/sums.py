#!/usr/bin/python3
"""sums - does everything that counts connections say the same?

sums.py LOG LIST STATISTICS METRICS CLIENTS...

LOG: of berthd, as JSON lines, from start to stop.  LIST: of `berthctl list --json`, when all was over.  STATISTICS: the file
that berthd counts in.  METRICS: of `berthctl metrics`.  CLIENTS: of tests/peers/mix, or written like that.
Each thing that differs is a line, and makes the exit status 1; then the refusals by reason are one line of JSON.
"""
import collections
import json
import re
import struct
import sys

differ = 0


def same(what, **said):
    global differ
    if len(set(map(repr, said.values()))) > 1:
        print(what + ": " + ", ".join(f"{who} {n}" for who, n in said.items()))
        differ += 1


def some(counts):
    """Without those that are 0."""
    return {k: n for k, n in sorted(counts.items()) if n}


class Logged:
    """Of one service: lines, and the counts of those that stand for lines."""
    def __init__(self):
        self.lines = collections.Counter()
        self.refused, self.causes, self.statuses, self.signals = (collections.Counter() for _ in range(4))

    def add(self, r):
        n = r.get("count", 1)
        self.lines[r["event"]] += n
        if r["event"] == "refuse":
            self.refused[r["reason"]] += n
        elif r["event"] == "exit":
            self.causes[r["cause"]] += 1
            if "signal" in r:
                self.signals[r["signal"]] += 1
            else:
                self.statuses[str(r["status"])] += 1


def read_log(path):
    logged, order = collections.defaultdict(Logged), []
    for line in open(path):
        r = json.loads(line)
        if r["event"] == "dropped":
            same("the log", dropped=r["count"], wanted=0)
        if r["event"] in ("start", "exit", "evict", "fail", "refuse"):
            logged[r["service"]].add(r)
            if r["event"] in ("start", "exit", "evict"):
                order.append((r["event"], r["service"], r["connection"]))
    return logged, order


class Statistics:
    def __init__(self, path):
        b = open(path, "rb").read()
        head, event, _, events, layout = struct.unpack_from("8x4I512s", b)
        words = ["", *layout.decode().split(";")[2].split()]
        _, self.next_connection, self.next_event = struct.unpack_from("3Q", b, 8 + 16 + 512)
        ring = [struct.unpack_from("<QqQqIB7x72s", b, head + i * event) for i in range(events)]
        self.ring = [(words[what], name.rstrip(b"\0").decode(), connection)
                     for number, _, connection, _, _, what, name in sorted(ring) if number]


def read_metrics(path):
    metrics = collections.defaultdict(dict)
    for line in open(path):
        m = re.match(r'berth_service_(\w+)_total\{service="([^"]+)"(?:,(\w+)="([^"]*)")?\} (\S+)$', line)
        if m:
            name, service, _, label, value = m.groups()
            metrics[service].setdefault(name, {})[label] = int(value) if value.isdigit() else float(value)
    return metrics


def check_service(s, log, metrics, clients):
    name, refused = s["name"], some(s["refused"])
    same(name + ", refused", list=refused, log=some(log.refused))
    same(name + ", started", list=s["ended"], log=log.lines["start"], buckets=s["histograms"]["lifetime"]["count"])
    same(name + ", ended", list=s["ended"], log=log.lines["exit"], causes=sum(s["causes"].values()),
         statuses=sum(s["statuses"].values()) + sum(s["signals"].values()))
    same(name + ", causes", list=some(s["causes"]), log=some(log.causes))
    same(name + ", statuses", list=some(s["statuses"]), log=some(log.statuses))
    same(name + ", signals", list=some(s["signals"]), log=some(log.signals))
    same(name + ", failed", list=s["failed"], log=log.lines["fail"])
    same(name + ", spawned", list=s["ended"] + s["failed"], buckets=s["histograms"]["spawn"]["count"])
    same(name + ", evicted", list=s["evicted"], log=log.lines["evict"], clients=clients["goodbye"])
    same(name + ", accepted", list=s["accepted"], clients=clients["all"], queued=s["histograms"]["queue_wait"]["count"],
         sum=s["ended"] + s["failed"] + sum(refused.values()))
    # who left by itself has a handler, is gone, or is refused: only it would know
    turned_away = clients["reset"] + clients["end"] + clients["banner"]
    left = s["ended"] + refused.get("gone", 0) - clients["reply"] - clients["goodbye"]
    same(name + ", turned away", list=sum(refused.values()) + s["failed"] - refused.get("gone", 0), clients=turned_away)
    same(name + ", left", list=left, clients=clients["left"])
    for key in ("accepted", "failed", "evicted"):
        same(f"{name}, {key}", list=s[key], metrics=metrics[key][None])
    for key, of in (("refused", "refused"), ("ended", "causes"), ("exit_status", "statuses"), ("exit_signal", "signals")):
        same(f"{name}, {key}", list=some(s[of]), metrics=some(metrics.get(key, {})))


def main(log_file, list_file, statistics_file, metrics_file, *client_files):
    logged, order = read_log(log_file)
    services = json.load(open(list_file))["services"]
    metrics = read_metrics(metrics_file)
    clients = {name: collections.Counter(c) for f in client_files for name, c in json.load(open(f)).items()}
    same("services", list=sorted(s["name"] for s in services), clients=sorted(clients))
    for s in services:
        check_service(s, logged[s["name"]], metrics[s["name"]], clients[s["name"]])
    statistics = Statistics(statistics_file)
    same("events", ring=statistics.next_event - 1, log=sum(sum(log.lines.values()) for log in logged.values()))
    recorded = [e for e in statistics.ring if e[0] in ("start", "exit", "evict")]
    same("the last events", ring=recorded, log=order[len(order) - len(recorded):])
    total = collections.Counter()
    for s in services:
        total.update(s["refused"])
    print(json.dumps(total))
    return differ != 0


sys.exit(main(*sys.argv[1:]))
