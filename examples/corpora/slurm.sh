#!/bin/bash
# Measures a text collection on a Slurm cluster. Run it on a login node; run it again to see the table once all is done.
#
#   secondthought plan corpora /data/web/part-00 --gb 60 --workers 16        # first: how long will it take?
#   bash examples/corpora/slurm.sh
#
# Tasks are array jobs, at most 1,000 of them. Inputs and outputs must be where all nodes see them. Options below
# --executor-options are those of datatrove's Slurm executor; its logs are in OUT/tasks/.
set -euo pipefail

IN=/data/web
OUT=/data/measured

secondthought corpora measure "$IN" --out "$OUT" \
  --executor slurm --workers 200 \
  --executor-options.partition cpu \
  --executor-options.time 02:00:00 \
  --executor-options.cpus-per-task 1 \
  --executor-options.mem-per-cpu-gb 2 \
  --executor-options.venv-path "$HOME/.venv/bin/activate"
