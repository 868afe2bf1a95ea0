"""A real grid's configuration, imported, answers as that grid did: queues on three hosts of which one runs.

site/dump is what dump.sh wrote of Debian's gridengine 8.1.9, site/answers.json what its commands said.
What moves (loads, memory in use) is blotted out; so is state a of a host that runs, for no load closes a
queue of ours. The clock stands within the hours in which the calendar of long.q closes it, as it did there.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from printed_world import World

from gridcompat.cluster.base import NODE
from gridcompat.migration import grid, toml
from gridcompat.settings import Settings, load

SITE = Path(__file__).parent / "site"
ANSWERS: list[dict[str, Any]] = json.loads((SITE / "answers.json").read_text())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(toml.text(grid.site(str(SITE / "dump"))), encoding="utf-8")
    return load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> World:
    world = World(tmp_path_factory.mktemp("world"), settings)
    world.cluster.delete(NODE, "node1", namespace="", propagation="Background")
    world.cluster.create({"apiVersion": "v1", "kind": NODE.kind, "metadata": {"name": "vm"}})
    return world


def blotted(text: str) -> str:
    """Without what a machine is doing just now."""
    text = re.sub(r"^(vm  .*lx-amd64) .*", r"\1", text, flags=re.M)
    text = re.sub(r"(lx-amd64 +)aD$", r"\1D", text, flags=re.M)
    text = re.sub(r"(/\d+ +)aD$", r"\1D", text, flags=re.M)
    text = re.sub(r"\d+\.\d\d( +lx-amd64)", r"LOAD\1", text)
    text = re.sub(r" +LOAD", " LOAD", text)
    return re.sub(r"LOAD +lx", "LOAD lx", text)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: " ".join(answer["argv"]))
def test_an_imported_site_answers_as_the_grid_did(answer: dict[str, Any], site: World) -> None:
    command, *argv = answer["argv"]
    found = site.run(command, *argv, host="vm")
    assert blotted(found.out) == blotted(answer["out"])
    assert found.err.strip() == answer["err"].strip()
    assert found.status == answer["rc"]


def test_there_are_answers_of_every_kind() -> None:
    shown = {answer["argv"][1] for answer in ANSWERS if answer["argv"][0] == "qconf"}
    assert {
        "-sq",
        "-se",
        "-shgrp",
        "-sp",
        "-sprj",
        "-scal",
        "-sckpt",
        "-su",
        "-srqs",
        "-sc",
        "-ssconf",
    } <= shown
    assert {"qhost", "qselect", "qstat"} <= {answer["argv"][0] for answer in ANSWERS}
