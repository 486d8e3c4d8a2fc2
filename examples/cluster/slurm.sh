#!/bin/bash
# One run on three nodes of a Slurm cluster: vLLM servers on all but the first, training on the first.
#
#   MODEL=/shared/models/qwen2.5-1.5b RUN=/shared/runs/first sbatch --nodes=3 examples/cluster/slurm.sh
#
# MODEL and RUN must lie where all nodes see them under the same path: new weights go from the trainer to the servers
# through RUN. The trainer needs this package, the servers vLLM 0.10 or later (VLLM: its program, in an environment of
# its own). A server that is lost is left out; a job that is lost goes on from its last checkpoint (--requeue).
#SBATCH --job-name=secondthought
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append

set -euo pipefail
: "${MODEL:?the checkpoint directory}" "${RUN:?the run directory}"
VLLM=${VLLM:-vllm} SECONDTHOUGHT=${SECONDTHOUGHT:-secondthought} PORT=${PORT:-8000} RANK=${RANK:-16}

mapfile -t NODES < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
SERVERS=("${NODES[@]:1}")
URLS=()
for node in "${SERVERS[@]}"; do
    srun --nodes=1 --ntasks=1 --nodelist="$node" env VLLM_SERVER_DEV_MODE=1 VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 \
        "$VLLM" serve "$MODEL" --host 0.0.0.0 --port "$PORT" --enable-lora --max-lora-rank "$RANK" \
        --logprobs-mode processed_logprobs &
    URLS+=("http://$node:$PORT")
done
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

for url in "${URLS[@]}"; do
    for _ in $(seq 120); do curl --silent --fail "$url/health" > /dev/null && break || sleep 5; done
done

# --resume begins the run where there is none, and goes on after its last checkpoint where there is one.
srun --nodes=1 --ntasks=1 --nodelist="${NODES[0]}" "$SECONDTHOUGHT" train reflect-retry ${CONFIG:+"$CONFIG"} --run-dir "$RUN" \
    --model.path "$MODEL" --model.lora.rank "$RANK" --inference.engine vllm --inference.url "${URLS[@]}" --resume
