# All of it: a network, a GKE cluster for the lead with the Flux Operator, a lead MiniCluster with two slots, and the
# deployment that rents nodes for them.

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

locals {
  lead      = "lead"
  namespace = "flux"
  zone      = "${var.region}-a"
  labels    = { app = "overspill-example", deployment = "default" }

  # name = most nodes that a burst there can have, and of which kind
  slots = {
    burst-0 = { nodes = 4, template = "hpc" }
    gpu-0   = { nodes = 2, template = "gpu" }
  }
  templates = {
    hpc = {
      machine_type    = "c2-standard-8"
      cores           = 4
      gpus            = 0
      memory_mib      = 32768
      price_usd_per_h = 0.42
      zones           = ["${var.region}-a", "${var.region}-f"]
    }
    gpu = {
      machine_type    = "g2-standard-16"
      cores           = 8
      gpus            = 1
      memory_mib      = 65536
      price_usd_per_h = 1.15
      zones           = ["${var.region}-a"]
    }
  }
}

module "overspill" {
  source = "../.."

  project             = var.project
  burst_project       = var.burst_project
  region              = var.region
  public_key          = var.public_key
  private_keys        = var.private_keys
  keys_version        = var.keys_version
  operator_image      = var.operator_image
  deletion_protection = var.deletion_protection
  network             = local.network
  lead_node_tags      = [local.lead_tag]
  max_bursts          = 2
  templates           = local.templates
  leads = {
    (local.lead) = {
      namespace = local.namespace
      slots     = { for name, slot in local.slots : name => slot.template }
    }
  }
}
