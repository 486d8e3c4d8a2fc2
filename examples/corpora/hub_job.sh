#!/bin/bash
# Measures a dataset of the Hugging Face hub in one of its Jobs, on all cores of the machine, and sends the result there.
#
#   hf auth login
#   bash examples/corpora/hub_job.sh
#
# A Job has a disk of its own, which ends with it: what was measured is sent to a dataset of yours at the end. A part of
# the dataset that fits the time limit is one Job; give each Job its own folder of the dataset and of the result.
# datatrove's own executor for Jobs is not used: its tasks have no disk in common, and a measured corpus needs one.
set -euo pipefail

IN=hf://datasets/OWNER/NAME/data
RESULT=USER/measured

hf jobs run --flavor cpu-xl --timeout 4h --secrets HF_TOKEN python:3.11 bash -c "
  pip install --quiet 'secondthought[corpora]' &&
  secondthought corpora measure $IN --out /tmp/measured --quiet &&
  hf upload --repo-type dataset $RESULT /tmp/measured ."
