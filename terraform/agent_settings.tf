# Each lead's settings file (`overspill agent --config FILE`): what Terraform knows, the agent need not be told twice.

locals {
  agent_settings = {
    for id, lead in var.leads : id => templatefile("${path.module}/templates/agent-settings.toml.tftpl", {
      head = merge(
        {
          project        = var.project
          deployment     = var.deployment
          lead_id        = id
          lead_port      = lead.port
          public_key     = trimspace(var.public_key)
          max_lifetime_s = var.max_lifetime_s
          max_bursts     = var.max_bursts
        },
        lead.host == null ? {} : { lead_host = lead.host },
      )
      more      = var.agent
      slots     = lead.slots
      templates = { for name, template in var.templates : name => { for key, value in template : key => value if value != null && key != "volumes" } }
      volumes   = { for name, template in var.templates : name => coalesce(template.volumes, []) }
    })
  }
}
