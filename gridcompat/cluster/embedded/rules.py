"""The CEL rules of the definitions, by hand: one function for each kind, with the same messages.

`tests/conformance` runs one table of accepted and refused objects over these and over the rules
themselves in a real API server.  Pure.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind


def problems(kind: Kind, old: K8sObject | None, new: K8sObject) -> list[str]:
    """Return the rules that a new object (`old` None) or a change breaks.

    Both have the shape their schema asks for.
    """
    judge = {"GridJob": _grid_job, "GridAccount": _grid_account, "GridSite": _grid_site}.get(kind.kind)
    return [] if judge is None else judge(old, new)


def _rule(path: str, message: str) -> str:
    return f"{path}: Invalid value: {message}"


def _grid_job(old: K8sObject | None, new: K8sObject) -> list[str]:
    spec = new["spec"]
    found = []
    if new["metadata"]["name"] != str(spec["id"]):
        found.append(_rule("<nil>", "metadata.name must be spec.id"))
    if not spec.get("void", False) and not ("jobName" in spec and "request" in spec):
        found.append(_rule("spec", "jobName and request are required unless void"))
    before = {} if old is None else old["spec"]
    done = 0 if old is None else old.get("status", {}).get("ordersDone", 0)
    if old is not None:
        for key, absent in (("id", None), ("nonce", None), ("once", False), ("void", False), ("tasks", "")):
            if spec.get(key, absent) != before.get(key, absent):
                found.append(_rule("spec", f"{key} cannot be changed"))
        if before.get("ready", False) and not spec.get("ready", False):
            found.append(_rule("spec", "ready cannot go back to false"))
        if before.get("deleted") and not spec.get("deleted"):
            found.append(_rule("spec", "deleted only grows"))
        found += _orders(before.get("orders", ()), spec.get("orders", ()), done)
        status = old.get("status", {})
        if "ordersDone" in status and new.get("status", {}).get("ordersDone", -1) < done:
            found.append(_rule("<nil>", "status.ordersDone only rises"))
    return found


def _orders(before: Any, orders: Any, done: int) -> list[str]:
    was = {order["seq"]: order for order in before}
    now = {order["seq"]: order for order in orders}
    top = max(was, default=0)
    found = []
    if any(seq in was and was[seq] != order for seq, order in now.items()):
        found.append(_rule("spec.orders", "an order cannot be changed"))
    if any(seq > done and seq not in now for seq in was):
        found.append(_rule("<nil>", "an order stays until status.ordersDone has reached it"))
    if any(seq not in was and seq <= max(top, done) for seq in now):
        found.append(_rule("<nil>", "the seq of a new order is above those of all orders so far"))
    return found


def _grid_account(old: K8sObject | None, new: K8sObject) -> list[str]:
    found = []
    if new["metadata"]["name"] != "account":
        found.append(_rule("<nil>", "the one GridAccount of a namespace is called account"))
    blocks = new["spec"].get("blocks", ())
    if any(block["first"] > block["last"] for block in blocks):
        found.append(_rule("spec.blocks", "first is at most last"))
    now = new.get("status", {}).get("nextId")
    before = None if old is None else old.get("status", {}).get("nextId")
    if before is not None and now not in (before, before + 1):
        next_block = (
            now is not None
            and now > before
            and any(block["last"] + 1 == before for block in blocks)
            and any(now in (block["first"], block["first"] + 1) for block in blocks)
        )
        if not next_block:
            found.append(_rule("<nil>", "nextId rises by one, or to the next block"))
    if now is not None and not any(block["first"] <= now <= block["last"] + 1 for block in blocks):
        found.append(_rule("<nil>", "nextId is within spec.blocks"))
    return found


def _grid_site(old: K8sObject | None, new: K8sObject) -> list[str]:
    found = []
    if new["metadata"]["name"] != "site":
        found.append(_rule("<nil>", "the one GridSite is called site"))
    if old is not None and new["spec"]["nextId"] < old["spec"]["nextId"]:
        found.append(_rule("spec", "nextId only rises"))
    return found
