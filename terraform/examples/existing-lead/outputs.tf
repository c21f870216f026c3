output "agent_settings" {
  description = "The settings file of each lead's agent."
  value       = module.overspill.agent_settings
}

output "agent_service_account" {
  description = "For `overspill init --service-account`."
  value       = module.overspill.agent_service_account
}

output "burst_ranges" {
  description = "For firewalls of your own: ranges of burst nodes and of their pods."
  value       = module.overspill.burst_ranges
}
