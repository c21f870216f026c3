# Who does what. No account has a key: each is taken on by a service, or by Workload Identity.

resource "google_service_account" "agent" {
  project      = var.project
  account_id   = "overspill-agent"
  display_name = "Overspill: agents beside lead brokers"
  depends_on   = [google_project_service.this]
}

resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project
  account_id   = "overspill-${each.key}"
  display_name = "Overspill: the ${each.key} function"
  depends_on   = [google_project_service.this]
}

resource "google_service_account" "push" {
  project      = var.project
  account_id   = "overspill-push"
  display_name = "Overspill: calls the functions for Pub/Sub"
  depends_on   = [google_project_service.this]
}

resource "google_service_account" "build" {
  project      = var.project
  account_id   = "overspill-build"
  display_name = "Overspill: builds the functions"
  depends_on   = [google_project_service.this]
}

locals {
  # Known before the account is made.
  node_account = "${google_service_account.nodes.account_id}@${local.burst_project}.iam.gserviceaccount.com"
}

resource "google_service_account" "nodes" {
  project      = local.burst_project
  account_id   = "overspill-nodes-${local.short_hash}"
  display_name = "Overspill: burst nodes of ${var.deployment}"
  depends_on   = [google_project_service.this, google_project_service.burst]
}
