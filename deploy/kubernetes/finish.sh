#!/usr/bin/env bash
# The end of an upgrade, when nobody wants to go back: takes away what only older releases need.
#   deploy/kubernetes/finish.sh [NAMESPACE]
set -euo pipefail
namespace=${1:-funnel}

for each in worker api webhooks; do
  kubectl -n "$namespace" rollout status "deployment/$each" --timeout=600s
done
kubectl -n "$namespace" patch job finish --type=merge --patch '{"spec": {"suspend": false}}'
kubectl -n "$namespace" wait --for=condition=complete --timeout=600s job/finish ||
  { kubectl -n "$namespace" logs job/finish; exit 1; }
