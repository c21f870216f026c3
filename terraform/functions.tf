# The functions: plain HTTP services behind push subscriptions, which only the push account may call.

locals {
  # Two to spare, so that a burst's next step never waits for other bursts' creations.
  max_instances = var.max_bursts + 2

  common_environment = {
    OVERSPILL_PROJECT       = var.project
    OVERSPILL_BURST_PROJECT = local.burst_project
    OVERSPILL_DEPLOYMENT    = var.deployment
    OVERSPILL_LOG_LEVEL     = var.log_level
  }
  environment = {
    provision = merge(local.common_environment, local.guardrails, local.site, {
      OVERSPILL_OPERATOR_MANIFEST        = var.operator_manifest.url
      OVERSPILL_OPERATOR_MANIFEST_SHA256 = var.operator_manifest.sha256
      OVERSPILL_OPERATOR_IMAGE           = var.operator_image
    })
    teardown = local.common_environment
  }

  # Where and as whom burst nodes live. The services' range is GKE's own (34.118.224.0/20): all clusters may have it.
  site = {
    OVERSPILL_NETWORK              = local.network
    OVERSPILL_SUBNETWORK           = "projects/${local.network_project}/regions/${var.region}/subnetworks/${google_compute_subnetwork.burst.name}"
    OVERSPILL_PODS_RANGE           = local.pods_range_name
    OVERSPILL_PRIVATE_NODES        = "true"
    OVERSPILL_NODE_SERVICE_ACCOUNT = local.node_account
  }

  # RFC 1918, RFC 6598, RFC 4193
  private_ranges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]

  # An agent asks for max_lifetime_s by its own clock, which may be ahead.
  clock_margin_s = 60

  # What the provision function allows, whatever a message says; lists are JSON.
  guardrails = {
    OVERSPILL_MAX_NODES_PER_BURST   = tostring(var.max_nodes_per_burst)
    OVERSPILL_MAX_BURSTS            = tostring(var.max_bursts)
    OVERSPILL_MAX_LIFETIME_S        = tostring(var.max_lifetime_s + local.clock_margin_s)
    OVERSPILL_MAX_MESSAGE_AGE_S     = tostring(var.max_message_age_s)
    OVERSPILL_ALLOWED_MACHINE_TYPES = jsonencode(coalesce(var.allowed_machine_types, distinct([for template in var.templates : template.machine_type])))
    OVERSPILL_ALLOWED_ZONES         = jsonencode(coalesce(var.allowed_zones, distinct(flatten([for template in var.templates : template.zones]))))
    OVERSPILL_ALLOWED_IMAGES        = jsonencode(var.allowed_images)
    OVERSPILL_ALLOWED_LEAD_RANGES   = jsonencode(coalesce(var.allowed_lead_ranges, local.private_ranges))
    OVERSPILL_ALLOWED_LEAD_NAMES    = jsonencode(var.allowed_lead_names)
  }
}

resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions

  project     = var.project
  location    = var.region
  name        = "overspill-${each.key}"
  description = each.value.description
  labels      = local.labels

  build_config {
    runtime           = "python311" # the Python that requirements.txt is locked for
    entry_point       = each.key
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.functions.id

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.source[each.key].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function[each.key].email
    available_memory                 = "512Mi"
    available_cpu                    = "1"
    timeout_seconds                  = 540
    min_instance_count               = 0
    max_instance_count               = local.max_instances
    max_instance_request_concurrency = 1
    ingress_settings                 = "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    environment_variables            = local.environment[each.key]

    # Only the provision function opens seals.
    dynamic "secret_environment_variables" {
      for_each = each.key == "provision" ? [google_secret_manager_secret_version.private_keys] : []

      content {
        key        = "OVERSPILL_PRIVATE_KEY"
        project_id = var.project
        secret     = google_secret_manager_secret.private_keys.secret_id
        # A number, not "latest": a new version deploys the function anew.
        version = secret_environment_variables.value.version
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build_pushes,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_reads_copy,
    google_project_service.this,
    google_secret_manager_secret_iam_member.provision_opens,
    google_storage_bucket_iam_member.build_reads,
  ]
}
