# Where burst nodes live, and how they reach the leads.

variable "lead_access" {
  description = "internal: leads are in the bursts' VPC, behind an internal load balancer. public: leads are elsewhere, and admit the burst nodes' static addresses (output nat_addresses)."
  type        = string
  default     = "internal"

  validation {
    condition     = contains(["internal", "public"], var.lead_access)
    error_message = "lead_access must be internal or public."
  }
}

variable "network" {
  description = "The leads' VPC network (projects/PROJECT/global/networks/NAME), in which burst nodes get a subnetwork. Default: a network of the bursts' own."
  type        = string
  default     = null

  validation {
    condition     = var.network == null || can(regex("^projects/[^/]+/global/networks/[^/]+$", var.network))
    error_message = "network must be of the form projects/PROJECT/global/networks/NAME."
  }
}

variable "burst_ip_range" {
  description = "Private range that the burst nodes' and pods' ranges are cut from; it must overlap no other in the VPC."
  type        = string
  default     = "10.64.0.0/12"

  validation {
    condition     = can(cidrnetmask(var.burst_ip_range))
    error_message = "burst_ip_range must be an IPv4 range such as 10.64.0.0/12."
  }

  validation {
    condition     = local.needed_addresses <= pow(2, 32 - try(tonumber(split("/", var.burst_ip_range)[1]), 0))
    error_message = "burst_ip_range is too small: max_bursts bursts of max_nodes_per_burst nodes need ${local.needed_addresses} addresses."
  }
}

variable "lead_node_tags" {
  description = "Network tags of the leads' nodes: the firewall is opened to them alone. Empty: to every machine in the VPC, on the leads' ports."
  type        = list(string)
  default     = []
}

variable "create_nat" {
  description = "Make a NAT for the burst nodes, which have no public addresses. false where the VPC has its own for all subnetworks."
  type        = bool
  default     = true

  validation {
    condition     = var.create_nat || var.lead_access == "internal"
    error_message = "lead_access = \"public\" needs create_nat: the leads admit its addresses."
  }
}
