#!/usr/bin/env bash
# Installs the Flux Operator and the lead MiniCluster into the lead's cluster. lead.tf runs it with its variables set;
# it changes nothing that is right already, and leaves nothing on this machine.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export KUBECONFIG=$work/kubeconfig
cd "$work"

gcloud container clusters get-credentials "$CLUSTER" --dns-endpoint --zone "$ZONE" --project "$PROJECT"

# The operator, pinned by its hashes.
curl --fail --silent --show-error --location --output operator.yaml "$OPERATOR_URL"
echo "$OPERATOR_SHA256  operator.yaml" | sha256sum --check --quiet
# Its image by its digest, instead of by a tag.
sed --in-place "s|image: ghcr.io/flux-framework/flux-operator:.*|image: $OPERATOR_IMAGE|" operator.yaml
kubectl apply --server-side --force-conflicts --filename operator.yaml
kubectl --namespace operator-system rollout status deployment/operator-controller-manager --timeout 5m

# What the lead is made of.
slots=()
while read -r slot; do slots+=(--slot "$slot"); done <<<"$SLOTS"
overspill init lead --name "$LEAD" --namespace "$LEAD_NAMESPACE" --size "$LEAD_NODES" --cores "$LEAD_CORES" \
  "${slots[@]}" ${AGENT_IMAGE:+--agent-image "$AGENT_IMAGE"} --project "$PROJECT" --service-account "$SERVICE_ACCOUNT" --service internal >/dev/null
cd lead
printf '%s' "$AGENT_SETTINGS" >settings.toml

kubectl create namespace "$LEAD_NAMESPACE" --dry-run=client --output yaml | kubectl apply --server-side --filename -

# The instance's certificate: made once, and kept in a Secret only.
if ! kubectl --namespace "$LEAD_NAMESPACE" get secret "$LEAD-overspill-keys" >/dev/null 2>&1; then
  (
    umask 077
    if command -v flux >/dev/null; then
      flux keygen curve.cert
    else
      kubectl --namespace "$LEAD_NAMESPACE" run flux-keygen --image fluxrm/flux-core:bookworm --restart Never --rm \
        --attach --quiet --command -- sh -c 'flux keygen /tmp/curve.cert && cat /tmp/curve.cert' >curve.cert
    fi
  )
  kubectl --namespace "$LEAD_NAMESPACE" create secret generic "$LEAD-overspill-keys" --from-file curve.cert
fi

kubectl apply --server-side --filename rbac.yaml --filename service.yaml
kubectl --namespace "$LEAD_NAMESPACE" create configmap "$LEAD-overspill" --dry-run=client --output yaml \
  --from-file R --from-file settings.toml --from-file "flux_frobnicator.py=$(overspill frobnicator)" |
  kubectl apply --server-side --force-conflicts --filename -

# Hosts and R are fixed while an instance runs, and jobs run in it: only a person may end it.
if kubectl --namespace "$LEAD_NAMESPACE" get minicluster "$LEAD" >/dev/null 2>&1 &&
  ! kubectl diff --server-side --filename minicluster.yaml >/dev/null 2>&1; then
  echo "lead.sh: the MiniCluster $LEAD differs from what is wanted, and cannot change while it runs. When its jobs are" >&2
  echo "done: kubectl --namespace $LEAD_NAMESPACE delete minicluster $LEAD; then apply again." >&2
  exit 1
fi
kubectl apply --server-side --filename minicluster.yaml
