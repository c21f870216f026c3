# What the functions may do to clusters: by Google's own roles, or by roles with just the calls that the code makes.

locals {
  is_custom = var.iam_mode == "custom"
  calls     = yamldecode(file("${path.module}/calls.yaml"))

  # Each function's permissions in the burst project, from the calls that it makes.
  permissions = {
    for name, uses in local.calls.functions : name => sort(distinct(concat(
      flatten([for method in uses.clusters : local.calls.clusters[method].permissions]),
      length(uses.kubernetes) > 0 ? local.calls.connect : [],
      flatten([
        for kind, methods in uses.kubernetes : [
          for method in methods : concat(
            formatlist("container.${local.calls.kinds[kind].resource}.%s", local.calls.kubernetes[method]),
            method == "apply" ? try(local.calls.kinds[kind].apply_also, []) : [],
          )
        ]
      ]),
    )))
  }

  # In a burst project of its own, these reach nothing but bursts.
  predefined_roles = {
    provision = ["roles/container.admin"]
    teardown  = ["roles/container.clusterAdmin", "roles/container.developer"]
  }

  publisher_role  = local.is_custom ? google_project_iam_custom_role.messages["publish"].name : "roles/pubsub.publisher"
  subscriber_role = local.is_custom ? google_project_iam_custom_role.messages["pull"].name : "roles/pubsub.subscriber"
}

resource "google_project_iam_custom_role" "clusters" {
  for_each = local.is_custom ? local.permissions : {}

  project     = local.burst_project
  role_id     = "overspill_${each.key}_${local.short_hash}"
  title       = "Overspill: ${each.key}"
  description = "Just what the ${each.key} function of ${var.deployment} calls."
  permissions = each.value

  depends_on = [google_project_service.burst]
}

resource "google_project_iam_custom_role" "messages" {
  for_each = local.is_custom ? {
    publish = "pubsub.topics.publish"
    pull    = "pubsub.subscriptions.consume"
  } : {}

  project     = var.project
  role_id     = "overspill_${each.key}"
  title       = "Overspill: ${each.key}"
  description = "To ${each.key} Overspill's messages."
  permissions = [each.value]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "provision_clusters" {
  for_each = toset(local.is_custom ? ["custom"] : local.predefined_roles.provision)

  project = local.burst_project
  role    = local.is_custom ? google_project_iam_custom_role.clusters["provision"].name : each.value
  member  = google_service_account.function["provision"].member
}

resource "google_project_iam_member" "teardown_clusters" {
  for_each = toset(local.is_custom ? ["custom"] : local.predefined_roles.teardown)

  project = local.burst_project
  role    = local.is_custom ? google_project_iam_custom_role.clusters["teardown"].name : each.value
  member  = google_service_account.function["teardown"].member
}

# Clusters are made with the nodes' account, and with no other.
resource "google_service_account_iam_member" "provision_uses_nodes_account" {
  service_account_id = google_service_account.nodes.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function["provision"].member
}

# … and in the bursts' subnetwork, and in no other.
resource "google_compute_subnetwork_iam_member" "provision_uses_subnetwork" {
  project    = local.network_project
  region     = var.region
  subnetwork = google_compute_subnetwork.burst.name
  role       = "roles/compute.networkUser"
  member     = google_service_account.function["provision"].member
}
