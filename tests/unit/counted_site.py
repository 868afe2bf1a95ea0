"""Queues, environments and a global host that give out what is counted: part of a settings file."""

from __future__ import annotations

PLACES = """
[[queue]]
name = "task"
pe_list = ["smp", "pes"]
complex_values = { scr = "2G" }
[[queue]]
name = "forced"
pe_list = ["NONE"]
complex_values = { forc = "TRUE" }
[[queue]]
name = "forcedn"
pe_list = ["NONE"]
complex_values = { forcn = "3" }
[[parallel_environment]]
name = "smp"
slots = 50
[[parallel_environment]]
name = "pes"
user_lists = ["staff"]
[[user_list]]
name = "staff"
entries = ["nobody"]
[[host]]
name = "global"
complex_values = { lic = 4, joblic = 2 }
"""
