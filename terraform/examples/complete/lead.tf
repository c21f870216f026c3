# Operator and lead MiniCluster. A Kubernetes provider cannot be set up in the apply that makes its cluster; what is in
# the cluster is installed by a script instead, which may run again at any time.

resource "terraform_data" "lead" {
  count = var.install_lead ? 1 : 0

  # Flux fixes hosts and R while it runs: a change of these makes the lead anew.
  triggers_replace = [
    google_container_cluster.lead.id,
    local.slots,
    local.templates,
    var.lead_nodes,
    var.lead_cores,
    var.agent_image,
    module.overspill.agent_settings[local.lead],
    filesha256("${path.module}/lead.sh"),
  ]

  provisioner "local-exec" {
    command = "${path.module}/lead.sh"

    environment = {
      PROJECT         = var.project
      ZONE            = local.zone
      CLUSTER         = google_container_cluster.lead.name
      LEAD            = local.lead
      LEAD_NAMESPACE  = local.namespace
      LEAD_NODES      = var.lead_nodes
      LEAD_CORES      = var.lead_cores
      AGENT_IMAGE     = var.agent_image
      SERVICE_ACCOUNT = module.overspill.agent_service_account
      OPERATOR_URL    = module.overspill.operator_manifest.url
      OPERATOR_SHA256 = module.overspill.operator_manifest.sha256
      OPERATOR_IMAGE  = var.operator_image
      AGENT_SETTINGS  = module.overspill.agent_settings[local.lead]
      SLOTS = join("\n", [
        for name, slot in local.slots : format("%s=%d:cores=%d,gpus=%d,template=%s",
          name, slot.nodes, local.templates[slot.template].cores, local.templates[slot.template].gpus, slot.template
        )
      ])
    }
  }

  depends_on = [google_container_node_pool.lead]
}
