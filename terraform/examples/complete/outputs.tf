output "agent_settings" {
  description = "The settings file of each lead's agent."
  value       = module.overspill.agent_settings
}

output "agent_service_account" {
  description = "For `overspill init --service-account`."
  value       = module.overspill.agent_service_account
}

output "connect" {
  description = "How to reach the lead's cluster."
  value       = "gcloud container clusters get-credentials ${google_container_cluster.lead.name} --dns-endpoint --zone ${local.zone} --project ${var.project}"
}
