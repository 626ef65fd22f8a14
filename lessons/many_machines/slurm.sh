#!/bin/bash
# Many machines with Slurm: sbatch lessons/many_machines/slurm.sh
# Start it in the course's folder, after `make .venv/.ready`, on a drive that all see.
#SBATCH --job-name=mnistgan
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
#SBATCH --requeue
set -euo pipefail

# One address for each machine; machine number 0 is the chief.
addresses=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/.*/"&:4000"/' | paste -sd, -)
export addresses

# Where one machine fails, the job ends. Send it off again: it goes on from the last
# checkpoint. (When a machine itself breaks, --requeue does that for you.)
srun --kill-on-bad-exit=1 bash -c '
  export TF_CONFIG="{\"cluster\": {\"worker\": [$addresses]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
  exec .venv/bin/python -m mnistgan train --strategy workers \
    --preset full --batch-size 1024 --epochs 200 --out runs/slurm'
