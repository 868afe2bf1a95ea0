"""snakemake with its generic cluster executor: two rules, one after the other."""

import subprocess
import sys
from pathlib import Path

Path("Snakefile").write_text(
    'rule b:\n    input: "a.txt"\n    output: "b.txt"\n    shell: "cat {input} {input} > {output}"\n'
    'rule a:\n    output: "a.txt"\n    shell: "echo a > {output}"\n'
)
submit = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "qsub -terse -cwd -V -N snake"]
subprocess.run(
    [sys.executable, "-m", "snakemake", *submit, "--jobs", "2", "--latency-wait", "10"], check=True
)
assert Path("b.txt").read_text() == "a\na\n"
