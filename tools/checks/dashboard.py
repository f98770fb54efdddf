"""Checks the alarms and the dashboard of template.yaml, and draws the dashboard with sample data.

Each alarm must link to its section of docs/runbook.md, and each link on the dashboard to one that
exists. The dashboard must show every alarm, each line must be at the threshold of the alarm that it
names, and each metric of this service must be one that the functions write. The picture,
docs/images/dashboard.svg, shows an hour in which the event service is slow for ten minutes.
"""

import json
import random
import re
import sys
import zlib

from checks.common import ROOT, in_environment

PICTURE = ROOT / "docs/images/dashboard.svg"
RUNBOOK = "docs/runbook.md"
STACK = "chats-prod"
TIME_AFTER = re.compile(r"const TIME_AFTER: Duration = Duration::from_secs\((\d+)\)")

# The sample data: each metric in usual minutes, and in those of INCIDENT. Functions and tables have a
# share of it.
MINUTES, INCIDENT = 60, range(35, 45)
FUNCTIONS = {
    "create-chat": 0.045,
    "convert-chat": 0.005,
    "read-chat": 0.4,
    "read-chat-by-scope": 0.25,
    "create-chat-event": 0.3,
}
SHARES = FUNCTIONS | {"tenants, read": 0.1, "idempotency keys, written": 0.5}
SAMPLES = {
    "Invocations": (6000, 5600),
    "2xx": (5900, 4700),
    "4xx": (90, 140),
    "5xx": (0, 170),
    "IF(FILL(faults, 0) > 2, 100 * FILL(faults, 0) / answers, 0)": (0, 3.1),
    "Latency p50": (14, 45),
    "Latency p99": (210, 7900),
    "UpstreamDuration p50": (11, 60),
    "UpstreamDuration p99": (95, 7600),
    "Duration": (190, 7800),
    "Duration of reads": (24, 26),
    "ThrottledRequests": (0, 0),
    "Throttles": (0, 0),
    "EventServiceFailures": (0, 170),
    "TableFailures": (0, 0),
    "TenantFailures": (0.3, 0.3),
    "Errors": (0, 0),
    "ColdStarts": (3, 42),
    "ConcurrentExecutions": (9, 120),
    "calls / PERIOD(calls)": (0.02, 0.3),
    "SigningFailures": (0, 0),
    "ConsumedReadCapacityUnits": (1500, 1200),
    "ConsumedWriteCapacityUnits": (1400, 900),
    "ReadThrottleEvents": (0, 0),
    "WriteThrottleEvents": (0, 0),
    "Replays": (12, 260),
    "UnknownEventOutcomes": (0, 30),
    "PossibleOrphanRooms": (0, 0),
}
# The columns of a dashboard, and the size of one in inches.
COLUMNS, UNIT = 24, 0.55


def add_arguments(parser):
    parser.add_argument("--write", action="store_true", help="write the picture instead of comparing it")


def run(options):
    in_environment("plots")
    from checks import plots, sam_template

    template = sam_template.read()
    alarms = {name: part["Properties"] for name, part in template["Resources"].items() if part["Type"].endswith("::Alarm")}
    widgets = json.loads(resolved(template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]))["widgets"]
    faults = [*faults_of_alarms(alarms), *faults_of_widgets(widgets, alarms, template)]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(alarms)} alarms, {len(widgets)} widgets: links, thresholds and metrics are right")
    plots.settle(PICTURE, plots.svg(drawn(widgets)), options.write, "tools/check dashboard --write")


def resolved(text):
    """Returns a text of !Sub, with the logical id of a resource in place of its name."""
    values = {"AWS::StackName": STACK, "AWS::Region": "eu-central-1", "RunbookUrl": RUNBOOK}
    text = text["Fn::Sub"] if isinstance(text, dict) else text
    text = re.sub(r"\$\{([\w:]+)(?:\.Arn)?\}", lambda match: values.get(match[1], match[1]), text)
    return text.replace("${!", "${")


# ---- The checks.


def faults_of_alarms(alarms):
    for name, alarm in alarms.items():
        links = re.findall(r"docs/runbook\.md#[\w-]+", resolved(alarm["AlarmDescription"]))
        section = "canary-alarms" if name.endswith("CanaryAlarm") else name.lower()
        if links != [f"{RUNBOOK}#{section}"]:
            yield f"{name}: the description must link to {RUNBOOK}#{section}, not to {links}"
        yield from faults_of_links(name, links)


def faults_of_links(name, links):
    from checks.docs import anchors

    for path, _, anchor in (link.partition("#") for link in links):
        if anchor not in anchors(ROOT / path):
            yield f"{name}: {path} has no heading #{anchor}"


def faults_of_widgets(widgets, alarms, template):
    emitted = set(re.findall(r'Metric\(\s*"(\w+)"', (ROOT / "shared/src/telemetry/mod.rs").read_text())) | {"5xx"}
    for part in template["Resources"].values():
        if part["Type"] == "AWS::Logs::MetricFilter":
            emitted |= {made["MetricName"] for made in part["Properties"]["MetricTransformations"]}
    reserved = int(TIME_AFTER.search((ROOT / "shared/src/event_service/mod.rs").read_text())[1])
    timeout = (template["Globals"]["Function"]["Timeout"] - reserved) * 1000
    shown = set()
    for widget in widgets:
        properties = widget["properties"]
        title = properties.get("title", widget["type"])
        yield from faults_of_links(title, re.findall(r"\((docs/[^)]*)\)", properties.get("markdown", "")))
        shown |= {name for name in properties.get("alarms", [])}
        for line in properties.get("annotations", {}).get("horizontal", []):
            named = [alarms[name]["Threshold"] for name in re.findall(r"\w+Alarm", line["label"])]
            if set(named or [timeout]) != {line["value"]}:
                yield f"{title}: the line {line['label']} must be at {named or timeout}, not at {line['value']}"
        for one in series(properties.get("metrics", [])):
            if one.namespace == STACK and one.metric not in emitted:
                yield f"{title}: the functions write no metric {one.metric}"
            if one.visible and one.sample not in SAMPLES:
                yield f"{title}: tools/checks/dashboard.py has no sample of {one.sample}"
    for name in alarms.keys() - shown:
        if not name.endswith("CanaryAlarm"):
            yield f"the dashboard does not show {name}"


class Series:
    """A metric or an expression of a widget."""

    def __init__(self, fields, options):
        self.namespace, self.metric = (fields + [None, None])[:2]
        self.options = options
        self.visible = options.get("visible", True)
        expression = options.get("expression", "")
        searched = re.search(r'MetricName="(\w+)"', expression)
        self.metric = searched[1] if searched else self.metric
        self.is_search = bool(searched)
        self.sample = self.metric or expression
        if f"{self.metric} p50" in SAMPLES:
            self.sample = f"{self.metric} {options.get('stat', 'p99')}"
        self.label = options.get("label", self.metric)
        if self.metric == "Duration" and self.label.startswith("read"):
            self.sample = "Duration of reads"

    def values(self):
        """Returns the sample of each minute."""
        share = 1 if self.metric == "Duration" else SHARES.get(self.label, 1)
        usual, incident = (value * share for value in SAMPLES[self.sample])
        noise = random.Random(zlib.crc32(f"{self.sample} {self.label}".encode()))
        level = [incident if minute in INCIDENT else usual for minute in range(MINUTES)]
        return [value * noise.uniform(0.85, 1.15) for value in level]


def series(metrics):
    """Yields the series of a widget. A dot repeats the field above it."""
    above = []
    for entry in metrics:
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        fields = [field for field in entry if not isinstance(field, dict)]
        above = [above[place] if field == "." else field for place, field in enumerate(fields)] or above
        yield Series(above if fields else [], options)


# ---- The picture.


def drawn(widgets):
    from matplotlib import pyplot

    rows, used = [[]], 0
    for widget in widgets:
        if used + widget["width"] > COLUMNS:
            rows, used = [*rows, []], 0
        rows[-1].append(widget)
        used += widget["width"]
    heights = [max(widget.get("height", 6) for widget in row) for row in rows]
    figure = pyplot.figure(figsize=(COLUMNS * UNIT, sum(heights) * UNIT))
    draw = {"alarm": draw_alarms, "text": draw_text, "metric": draw_metrics, "log": draw_log}
    for number, row in enumerate(rows):
        left, bottom = 0, sum(heights[number + 1 :])
        for widget in row:
            # The margins hold the numbers of the axes, the title, and the legend.
            margins = (1.0, 0.6, 2.1, 0.7) if widget["type"] == "metric" else (0.3, 0.3, 0.1, 0.7)
            width, height = widget["width"] - margins[0] - margins[1], heights[number] - margins[2] - margins[3]
            place = [(left + margins[0]) / COLUMNS, (bottom + margins[2]) / sum(heights)]
            axes = figure.add_axes([*place, width / COLUMNS, height / sum(heights)])
            axes.set_title(widget["properties"].get("title", ""), loc="left", fontweight="bold", fontsize=10)
            draw[widget["type"]](axes, widget["properties"])
            left += widget["width"]
    return figure


def draw_alarms(axes, properties):
    from checks import plots

    names = properties["alarms"]
    axes.axis("off")
    axes.set(xlim=(0, len(names)), ylim=(0, 1))
    for place, name in enumerate(names):
        firing = name in ("FaultsAlarm", "LatencyAlarm", "EventServiceFailuresAlarm")
        color = plots.RED if firing else plots.SERIES[2]
        axes.text(place + 0.5, 0.5, name, color=color, ha="center", va="center", bbox={"fc": "none", "ec": color, "pad": 6})


def draw_text(axes, properties):
    from checks import plots

    axes.axis("off")
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", properties["markdown"]).replace("**", "")
    axes.text(0, 0.5, text, color=plots.SERIES[0], va="center", transform=axes.transAxes)


def draw_metrics(axes, properties):
    from checks import plots

    right = None
    lines = []
    colors = iter(plots.SERIES)
    for one in series(properties["metrics"]):
        if not one.visible:
            continue
        place = axes
        if one.options.get("yAxis") == "right":
            place = right = right or axes.twinx()
        for one.label in list(FUNCTIONS) if one.is_search else [one.label]:
            color = one.options.get("color") or next(colors)
            step = properties["period"] // 60
            values = one.values()[::step]
            lines += place.plot(range(0, MINUTES, step), values, color=color, linewidth=1.2, label=one.label)
    for line in properties.get("annotations", {}).get("horizontal", []):
        place = right if line.get("yAxis") == "right" else axes
        lines.append(place.axhline(line["value"], color=line["color"], linestyle="--", linewidth=1, label=line["label"]))
    for place in filter(None, [axes, right]):
        highest = max(1, 1.1 * place.dataLim.y1)
        # A line at 0 must be seen.
        place.set_ylim(-0.03 * highest, highest)
    axes.set_xlim(0, MINUTES - 1)
    axes.set_xticks(range(0, MINUTES, 15), [f"10:{minute:02}" for minute in range(0, MINUTES, 15)])
    axes.grid(axis="y")
    axes.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, fontsize=8)


def draw_log(axes, properties):
    from checks import plots

    axes.axis("off")
    fields = re.search(r"fields (.*?) \|", properties["query"])[1].split(", ")[:5]
    lines = [
        ["10:44:51", "ERROR", "request answered", "the event service did not answer in time", "timed out"],
        ["10:44:50", "ERROR", "request answered", "the event service did not answer in time", "timed out"],
        ["10:44:48", "ERROR", "request answered", "the event service did not answer in time", "timed out"],
    ]
    table = axes.table([fields, *lines], cellLoc="left", loc="upper left", edges="horizontal", colWidths=[0.1, 0.07, 0.2, 0.38, 0.23])
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.5)
    for cell in table.get_celld().values():
        cell.set_edgecolor(plots.GRID)
