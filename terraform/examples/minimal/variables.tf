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

variable "deletion_protection" {
  description = "Refuse to delete the secret of the private keys. To tear the deployment down, apply false first."
  type        = bool
  default     = true
}
