output "agent_settings" {
  description = "The settings file of each lead's agent."
  value       = module.overspill.agent_settings
}

output "agent_service_account" {
  description = "For `overspill init --service-account`."
  value       = module.overspill.agent_service_account
}
