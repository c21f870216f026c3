#!/bin/sh
# What the agent's container runs: the agent, for as long as the pod's broker exists. Arguments go to `overspill agent`.
#
# It never fails. Kubernetes counts every restart of a container against the backoffLimit of the pod's Job, and that Job
# is the lead itself: an agent with a wrong setting would end it after a while. So the agent is started again here.
set -u

# The Flux Operator leaves this file when a pod's broker has ended for good.
finished="${OVERSPILL_FINISHED_FILE:-/mnt/flux/flux-operator-complete.txt}"
socket="${FLUX_URI:-local:///mnt/flux/config/run/flux/local}"
socket="${socket#local://}"
poll_s="${OVERSPILL_SIDECAR_POLL_S:-2}"
pause_s=1
max_pause_s=300
agent=''
stopping=''

say() { echo "overspill-sidecar: $*" >&2; }
is_over() { [ -n "$stopping" ] || [ -e "$finished" ]; }
# In the background, so that a signal is not kept waiting.
nap() { sleep "$1" & wait $!; }
stop() {
  stopping=yes
  [ -z "$agent" ] || kill -TERM "$agent" 2> /dev/null
}
trap stop TERM INT

# Every pod of the MiniCluster has this container, and one agent serves the instance: rank 0's.
if [ "${JOB_COMPLETION_INDEX:-0}" != 0 ]; then
  until is_over; do nap "$poll_s"; done
  exit 0
fi

until is_over; do
  # Flux's libraries are in place before its broker listens, so this is waited for, and nothing else.
  [ -S "$socket" ] || say "waiting for the lead broker at $socket"
  until [ -S "$socket" ] || is_over; do nap "$poll_s"; done
  is_over && break

  overspill agent "$@" &
  agent=$!
  # Tells the agent when its broker is gone for good, instead of leaving it to wait for one.
  (until [ -e "$finished" ]; do sleep "$poll_s"; done; kill -TERM "$agent" 2> /dev/null) &
  watcher=$!
  wait "$agent"
  code=$?
  # A signal ends `wait` before the agent has ended.
  while kill -0 "$agent" 2> /dev/null; do
    wait "$agent"
    code=$?
  done
  agent=''
  kill "$watcher" 2> /dev/null
  is_over && break

  say "the agent ended with $code; it starts again in $pause_s s"
  nap "$pause_s"
  pause_s=$((pause_s * 2 < max_pause_s ? pause_s * 2 : max_pause_s))
done
exit 0
