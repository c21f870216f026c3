"""The Flux Operator's manifest, cut down to what provisioning looks at."""

IMAGE = "ghcr.io/flux-framework/flux-operator@sha256:" + "a" * 64

OPERATOR_MANIFEST = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "operator-system"}},
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "miniclusters.flux-framework.org"},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "operator-controller-manager", "namespace": "operator-system"},
        "spec": {
            "selector": {"matchLabels": {"control-plane": "controller-manager"}},
            "template": {"spec": {"containers": [{"name": "manager", "image": IMAGE}]}},
        },
    },
)
