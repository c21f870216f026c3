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
  description = "Project of the bursts' clusters; it should hold nothing else."
  type        = string
  default     = "my-bursts"
}

variable "deployment" {
  description = "Name of this deployment."
  type        = string
  default     = "production"
}

variable "network" {
  description = "The lead's VPC."
  type        = string
  default     = "projects/my-host/global/networks/hpc"
}

variable "burst_ip_range" {
  description = "A range that is free in the VPC."
  type        = string
  default     = "10.64.0.0/14"
}

variable "lead_node_tags" {
  description = "Network tags of the lead's nodes."
  type        = list(string)
  default     = ["flux-lead"]
}

variable "lead_id" {
  description = "Name of the lead's MiniCluster."
  type        = string
  default     = "lead"
}

variable "lead_namespace" {
  description = "Its namespace."
  type        = string
  default     = "flux"
}

variable "lead_service_account" {
  description = "The Kubernetes service account of its pods."
  type        = string
  default     = "lead-overspill"
}

variable "lead_project" {
  description = "Project of its GKE cluster."
  type        = string
  default     = "my-lead-project"
}

variable "alert_email" {
  description = "Who is mailed by alerts."
  type        = string
  default     = "hpc@example.com"
}

variable "deletion_protection" {
  description = "Refuse to delete the secret of the private keys. To tear the deployment down, apply false first."
  type        = bool
  default     = true
}
