#!/bin/bash
#$ -N pipeline -cwd
#$ -l h_rt=1:0:0,h_vmem=2G
#$ -pe smp 4 -R y
#$ -q long.q
#$ -M me@example.org -m ea
source $SGE_ROOT/default/common/settings.sh
SUBMIT="qsub -q task -terse"
first=$($SUBMIT -N prepare prepare.sh)
for part in 1 2 3; do
    id=$($SUBMIT -N part-$part -hold_jid $first \
        -l mem_free=${MEMORY}G part.sh $part)
done
submit() {
    qsub -q "$1" "$2"
}
qsub -N report -hold_jid "$id" -sync y <<END || exit 1
#$ -j y -o $HOME/report.txt
#$ -l scratch=10G
echo done
END
qsub "$@"
while qstat | grep -q pipeline; do sleep 60; done
qacct -j $id | grep exit_status
