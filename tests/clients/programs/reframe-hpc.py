"""ReFrame with its sge scheduler: a test that passes, and one that does not."""

import json
import subprocess
from pathlib import Path

SITE = """site_configuration = {
    "systems": [{"name": "grid", "hostnames": [".*"], "partitions": [
        {"name": "task", "scheduler": "sge", "launcher": "local", "environs": ["plain"],
         "access": ["-q task"]}]}],
    "environments": [{"name": "plain", "cc": "cc"}],
}
"""
CHECKS = """import reframe as rfm
import reframe.utility.sanity as sn

@rfm.simple_test
class Says(rfm.RunOnlyRegressionTest):
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    executable = "echo"
    time_limit = "1m"
    word = parameter(["hello", "other"])

    @run_before("run")
    def say(self):
        self.executable_opts = [self.word]

    @sanity_function
    def said(self):
        return sn.assert_found("hello", self.stdout)
"""
Path("site.py").write_text(SITE)
Path("checks.py").write_text(CHECKS)
ended = subprocess.run(["reframe", "-C", "site.py", "-c", "checks.py", "-r", "--report-file", "report.json"])
cases = json.loads(Path("report.json").read_text())["runs"][0]["testcases"]
assert sorted(one["result"] for one in cases) == ["fail", "pass"], cases
assert all(int(one["jobid"]) for one in cases) and ended.returncode == 1
