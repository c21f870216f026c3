output "agent_settings" {
  description = "The settings file of each lead's agent, by lead id."
  value       = local.agent_settings
}

output "agent_service_account" {
  description = "Mail address of the agents' account, for `overspill init --service-account`."
  value       = google_service_account.agent.email
}

output "public_key" {
  description = "The line that agents seal the curve certificate for."
  value       = trimspace(var.public_key)
}

output "subscriptions" {
  description = "The subscription of each lead's agent, by lead id."
  value       = { for id, subscription in google_pubsub_subscription.events : id => subscription.name }
}

output "dead_letter_subscriptions" {
  description = "Where messages wait for a person, by topic."
  value       = { for topic, subscription in google_pubsub_subscription.dead : topic => subscription.name }
}

output "nat_addresses" {
  description = "Under which burst nodes are seen: a public lead's Service admits them as loadBalancerSourceRanges (each with /32)."
  value       = google_compute_address.nat[*].address
}

output "burst_ranges" {
  description = "Ranges of burst nodes and of their pods, for a firewall of the leads' own."
  value       = { nodes = local.node_range, pods = local.pod_range }
}

output "node_service_account" {
  description = "Mail address of the burst nodes' account: give it rights on registries and buckets of other projects."
  value       = local.node_account
}

output "operator_manifest" {
  description = "The Flux Operator's manifest that burst clusters get: a lead's should be the same."
  value       = var.operator_manifest
}
