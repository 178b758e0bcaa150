#!/usr/bin/env bash
# A release: schema (expanded) and topics first, then the processes, old and new side by side.
# Then watch it for as long as going back may be wanted, and end it with finish.sh.
#   deploy/kubernetes/roll-out.sh [OVERLAY] [NAMESPACE]
set -euo pipefail
overlay=${1:-$(dirname "$0")/production}
namespace=${2:-funnel}

kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f -
kubectl -n "$namespace" delete job migrate topics finish --ignore-not-found
# What the jobs need, and the jobs.
kubectl kustomize "$overlay" | kubectl -n "$namespace" apply -f - \
  -l 'app.kubernetes.io/component notin (worker,api,webhooks)'
kubectl -n "$namespace" wait --for=condition=complete --timeout=600s job/migrate job/topics
kubectl kustomize "$overlay" | kubectl -n "$namespace" apply -f -
for each in worker api webhooks; do
  kubectl -n "$namespace" rollout status "deployment/$each" --timeout=600s
done
