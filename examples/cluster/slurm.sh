#!/bin/bash
# One run on several nodes of a Slurm cluster: the first TRAINERS of them train, all others serve.
#
#   MODEL=/shared/models/qwen2.5-1.5b RUN=/shared/runs/first TRAINERS=2 sbatch --nodes=4 examples/cluster/slurm.sh
#
# MODEL and RUN must lie where all nodes see them under the same path: new weights go from the trainers to the servers
# through RUN. Trainers need this package, servers vLLM 0.10.2 or later (VLLM: its program, in an environment of its
# own). A server that is lost is left out. A trainer that is lost is started again with the others (--max-restarts), a
# job that is lost by Slurm (--requeue); both go on after the last checkpoint.
#SBATCH --job-name=secondthought
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --no-kill
#SBATCH --open-mode=append

set -euo pipefail
: "${MODEL:?the checkpoint directory}" "${RUN:?the run directory}"
VLLM=${VLLM:-vllm} TORCHRUN=${TORCHRUN:-torchrun} PORT=${PORT:-8000} LORA_RANK=${LORA_RANK:-16}
TRAINERS=${TRAINERS:-1} PROCESSES=${PROCESSES:-1} # of a node that trains: one for each of its GPUs

mapfile -t NODES < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
SERVERS=("${NODES[@]:$TRAINERS}")
((${#SERVERS[@]})) || { echo "of ${#NODES[@]} nodes $TRAINERS train, and none is left to serve" >&2; exit 1; }
URLS=()
for node in "${SERVERS[@]}"; do
    srun --nodes=1 --ntasks=1 --nodelist="$node" env VLLM_SERVER_DEV_MODE=1 VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 \
        "$VLLM" serve "$MODEL" --host 0.0.0.0 --port "$PORT" --dtype bfloat16 --enable-lora \
        --max-lora-rank "$LORA_RANK" \
        --logprobs-mode processed_logprobs &
    URLS+=("http://$node:$PORT")
done
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

for url in "${URLS[@]}"; do
    for _ in $(seq 120); do curl --silent --fail "$url/health" > /dev/null && break || sleep 5; done
done

# In a directory that is there and empty --resume begins a run; where there is one it goes on with it.
mkdir -p "$RUN"
TRAINING=$(IFS=,; echo "${NODES[*]:0:$TRAINERS}")
srun --nodes="$TRAINERS" --ntasks="$TRAINERS" --nodelist="$TRAINING" "$TORCHRUN" --nnodes="$TRAINERS" \
    --nproc-per-node="$PROCESSES" --max-restarts=3 --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d \
    --rdzv-endpoint="${NODES[0]}:29500" -m secondthought train reflect-retry ${CONFIG:+"$CONFIG"} --run-dir "$RUN" \
    --model.path "$MODEL" --model.precision bf16 --model.lora.rank "$LORA_RANK" --inference.engine vllm --inference.url "${URLS[@]}" --resume
