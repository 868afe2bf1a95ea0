"""What the page for administrators says of metrics and Events is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

from gridcompat.controller import events
from gridcompat.controller.tally import Tally
from gridcompat.replica import metrics

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "metrics.md").read_text()


def test_the_metrics_of_the_page_are_those_of_the_daemon() -> None:
    page = metrics.text(jobs=(), tally=Tally(), mail={"waiting": 0, "failed": 0}, leads=True, answered_s=0)
    served = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    rows = TEXT.partition("| query |")[0]
    assert {name.partition("{")[0] for name in re.findall(r"^\| `([^`]+)`", rows, re.MULTILINE)} == served
    asked = set(re.findall(r"gridcompat_\w+", TEXT))
    assert {re.sub(r"_bucket$", "", name) for name in asked} == served


def test_the_events_of_the_page_are_those_of_the_controller() -> None:
    source = Path(events.__file__).read_text()
    noted = set(re.findall(r'reason="(\w+)"', source)) | {reason for reason, _, _ in events.ENDED.values()}
    table = TEXT.partition("## Events")[2].partition("## Logs")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
    assert {word for row in rows for word in re.findall(r"\w+", row)} == noted
