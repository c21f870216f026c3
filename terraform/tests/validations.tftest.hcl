# Every variable refuses what cannot be meant. Each run gives many wrong values at once: each must be named.

mock_provider "google" {}

variables {
  project        = "my-project"
  region         = "us-central1"
  public_key     = "overspill-public-key:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  private_keys   = "overspill-private-key:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
  operator_image = "ghcr.io/flux-framework/flux-operator@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  templates = {
    default = {
      machine_type = "c2-standard-8"
      cores        = 4
      memory_mib   = 32768
      zones        = ["us-central1-a"]
    }
  }
}

run "wrong_by_itself" {
  command = plan

  variables {
    project               = "My Project"
    burst_project         = "123"
    region                = "us-central1-a"
    deployment            = "-staging"
    labels                = { overspill = "true" }
    public_key            = "ssh-ed25519 AAAA"
    private_keys          = "overspill-public-key:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    keys_version          = 0
    max_bursts            = 99
    max_nodes_per_burst   = 0
    max_lifetime_s        = 60
    max_message_age_s     = 0
    operator_image        = "ghcr.io/flux-framework/flux-operator:latest"
    operator_manifest     = { url = "http://example.com/operator.yaml", sha256 = "abc" }
    agent                 = { max_lifetime_s = "1" }
    iam_mode              = "owner"
    sweep_schedule        = "hourly"
    alert_email           = "nobody"
    notification_channels = ["mail"]
    log_level             = "loud"
    lead_access           = "open"
    network               = "default"
  }

  expect_failures = [
    var.project,
    var.burst_project,
    var.region,
    var.deployment,
    var.labels,
    var.public_key,
    var.private_keys,
    var.keys_version,
    var.max_bursts,
    var.max_nodes_per_burst,
    var.max_lifetime_s,
    var.max_message_age_s,
    var.operator_image,
    var.operator_manifest,
    var.agent,
    var.iam_mode,
    var.sweep_schedule,
    var.alert_email,
    var.notification_channels,
    var.log_level,
    var.lead_access,
    var.network,
  ]
}

run "wrong_beside_others" {
  command = plan

  variables {
    leads          = { Lead = {}, lead = { slots = { burst-0 = "unknown" }, port = 0 } }
    private_keys   = "overspill-private-key:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore"
    burst_ip_range = "10.64.0.0/18"
    lead_access    = "public"
    create_nat     = false
  }

  expect_failures = [
    var.leads,
    var.private_keys,
    var.burst_ip_range,
    var.allowed_lead_ranges,
    var.create_nat,
  ]
}

run "template_in_another_region" {
  command = plan

  variables {
    templates = {
      default = { machine_type = "c2-standard-8", cores = 4, memory_mib = 32768, zones = ["europe-west4-a"] }
    }
  }

  expect_failures = [
    var.templates,
  ]
}

run "no_template_and_no_range" {
  command = plan

  variables {
    templates           = {}
    burst_ip_range      = "10.64.0.0"
    allowed_lead_ranges = ["everywhere"]
  }

  expect_failures = [
    var.templates,
    var.burst_ip_range,
    var.allowed_lead_ranges,
  ]
}
