#!/usr/bin/env python3
#$ -N python -l h_vmem=1G
import subprocess
subprocess.run(["qsub", "-N", "inner", "x.sh"])
