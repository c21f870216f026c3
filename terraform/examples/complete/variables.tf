variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "us-central1"
}

variable "public_key" {
  description = "The line in KEY.pub of `overspill keygen KEY`."
  type        = string
}

variable "private_keys" {
  description = "The line in KEY: TF_VAR_private_keys=\"$(cat KEY)\"."
  type        = string
  sensitive   = true
}

variable "keys_version" {
  description = "Raise it with each change of private_keys."
  type        = number
  default     = 1
}

variable "operator_image" {
  description = "The Flux Operator's image by digest: ghcr.io/flux-framework/flux-operator@$(crane digest ghcr.io/flux-framework/flux-operator:latest)."
  type        = string
}

variable "burst_project" {
  description = "Project of the bursts' clusters, attached to this one's Shared VPC. Default: project, for a first try."
  type        = string
  default     = null
}

variable "agent_image" {
  description = "The agent's image, as you pushed it (agent/deploy/README.md). Empty: the one that `overspill init` names."
  type        = string
  default     = ""
}

variable "lead_nodes" {
  description = "Nodes of the lead's own."
  type        = number
  default     = 2
}

variable "lead_machine_type" {
  description = "Their machine type."
  type        = string
  default     = "c2-standard-8"
}

variable "lead_cores" {
  description = "Their physical cores, as Flux is to know them."
  type        = number
  default     = 4
}

variable "deletion_protection" {
  description = "Refuse to delete the lead's cluster, which has the jobs' history, and the secret of the private keys. To tear it all down, apply false first."
  type        = bool
  default     = true
}

variable "install_lead" {
  description = "Install operator and lead by lead.sh, which needs gcloud, kubectl, overspill and flux (or a pod of its image) where Terraform runs."
  type        = bool
  default     = true
}
