# The least: one lead, one kind of node, everything in one project and a network of the bursts' own.

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
  region              = var.region
  public_key          = var.public_key
  private_keys        = var.private_keys
  keys_version        = var.keys_version
  operator_image      = var.operator_image
  deletion_protection = var.deletion_protection

  leads = {
    lead = { namespace = "flux", slots = { burst-0 = "default" } }
  }

  templates = {
    default = {
      machine_type    = "c2-standard-8"
      cores           = 4
      memory_mib      = 32768
      price_usd_per_h = 0.42
      zones           = ["${var.region}-a"]
    }
  }
}
