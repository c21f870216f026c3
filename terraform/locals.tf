locals {
  burst_project = coalesce(var.burst_project, var.project)
  projects      = toset([var.project, local.burst_project])

  # On all that can have labels. `overspill` is not among them: it marks what the functions may delete.
  labels = merge(var.labels, { app = "overspill", deployment = var.deployment })

  # For what needs a name of its own in a burst project that several deployments share, and may not be long.
  short_hash = substr(sha256(var.deployment), 0, 8)

  pubsub_agent    = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  scheduler_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-cloudscheduler.iam.gserviceaccount.com"
}

data "google_project" "this" {
  project_id = var.project
}

data "google_project" "burst" {
  project_id = local.burst_project
}
