# A lead that runs already, in a VPC of yours: bursts in a project of their own, cheap and GPU nodes, alerts by mail.
# With the VPC in another project than the bursts (Shared VPC), attach the burst project to it first: docs/deploy.md.

terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.43, < 8.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

module "overspill" {
  source = "../.."

  project             = var.project
  burst_project       = var.burst_project
  region              = var.region
  deployment          = var.deployment
  labels              = { team = "hpc" }
  public_key          = var.public_key
  private_keys        = var.private_keys
  keys_version        = var.keys_version
  operator_image      = var.operator_image
  deletion_protection = var.deletion_protection

  network        = var.network
  burst_ip_range = var.burst_ip_range
  lead_node_tags = var.lead_node_tags

  max_bursts          = 2
  max_nodes_per_burst = 16
  max_lifetime_s      = 4 * 3600
  allowed_images      = ["ghcr.io/converged-computing", "docker.io/library"]

  leads = {
    (var.lead_id) = {
      namespace        = var.lead_namespace
      service_account  = var.lead_service_account
      identity_project = var.lead_project
      slots            = { burst-0 = "hpc", gpu-0 = "gpu" }
    }
  }

  templates = {
    hpc = {
      machine_type      = "c2-standard-60"
      cores             = 30
      memory_mib        = 245760
      price_usd_per_h   = 3.13
      threads_per_core  = 1
      compact_placement = true
      zones             = ["${var.region}-a", "${var.region}-f"]
    }
    gpu = {
      machine_type    = "g2-standard-16"
      cores           = 8
      gpus            = 1
      memory_mib      = 65536
      price_usd_per_h = 1.15
      spot            = true
      zones           = ["${var.region}-a"]
    }
  }

  agent = {
    idle_timeout_s = "300"
  }

  alert_email = var.alert_email
}
